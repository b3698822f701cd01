// Who used the server, how much and how well: sums, a course over time, languages and keys, and the hours of the week.
import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';

import {element, refill} from '../common.js';
import {duration, empty, number, panel, percent, table} from './parts.js';

const periods = [['hour', '1H', '1H: the last hour'], ['day', '24H', '24H: the last 24 hours'], ['week', '7D', '7D: the last 7 days'], ['month', '30D', '30D: the last 30 days']];
const chosen = {period: 'day', start: '', end: '', key: ''};
const root = '/api/v1/admin/metrics';
const distinctKeys = 5;  // with a colour of their own
let plot;

function query() {
  const fields = new URLSearchParams();
  if (chosen.start || chosen.end) {
    if (chosen.start) fields.set('start_date', chosen.start);
    if (chosen.end) fields.set('end_date', chosen.end);
  } else fields.set('period', chosen.period);
  if (chosen.key) fields.set('api_key_hash', chosen.key);
  return fields;
}

// Made once and then kept: whoever is typing a date, or stands on a button, is not disturbed by new figures.
function controls(refresh, tell) {
  const set = (change) => { Object.assign(chosen, change); refresh(); };
  const date = (id, label, name) => {
    const input = element('input', {
      // A year that is being typed is the year 2 at first; `min` makes that no date.
      type: 'date', id, min: '2000-01-01', max: '9999-12-31', onchange: () => {
        if (!input.validity.valid) return;
        const wanted = {...chosen, [name]: input.value};
        if (wanted.start && wanted.end && wanted.start > wanted.end) return tell('“From” is after “To”. Change one of them.');
        tell('');
        set({[name]: input.value});
      },
    });
    return element('div', {class: 'field'}, element('label', {for: id}, label), input);
  };
  const filter = element('select', {id: 'key-filter', onchange: () => set({key: filter.value})});
  const buttons = periods.map(([period, text, label]) => element('button', {type: 'button', 'aria-label': label, onclick: () => {
    for (const input of made.querySelectorAll('input')) input.value = '';
    set({period, start: '', end: ''});
  }}, text));
  const made = element('div', {class: 'controls'},
    element('div', {class: 'segments', role: 'group', 'aria-label': 'Period'}, buttons),
    date('from-date', 'From', 'start'), date('to-date', 'To', 'end'),
    element('div', {class: 'field'}, element('label', {for: 'key-filter'}, 'Key'), filter));
  made.show = (keys) => {
    periods.forEach(([period], i) => buttons[i].setAttribute('aria-pressed', String(!chosen.start && !chosen.end && chosen.period === period)));
    const options = [['', 'All keys'], ...keys.map((one) => [one.key_hash.slice(0, 16), `${one.name} (${one.key_prefix}…)`])];
    if (JSON.stringify(options) !== made.options) filter.replaceChildren(...options.map(([value, text]) => element('option', {value}, text)));
    made.options = JSON.stringify(options);
    filter.value = chosen.key;
  };
  for (const input of made.querySelectorAll('input')) input.value = input.id === 'from-date' ? chosen.start : chosen.end;
  return made;
}

function cards(sum) {
  const one = (title, value, note) => element('div', {class: 'card'}, element('h2', {}, title), element('strong', {}, value), element('span', {class: 'quiet'}, note));
  const none = sum.total_executions === 0;
  const cancelled = sum.total_executions - sum.success_count - sum.failure_count - sum.timeout_count;
  const times = sum.execution_time_percentiles;
  const pool = sum.pool_stats;
  return element('div', {class: 'cards'},
    one('Executions', number(sum.total_executions), `${number(sum.active_api_keys)} ${sum.active_api_keys === 1 ? 'key' : 'keys'} in use`),
    one('Success rate', none ? '–' : percent(sum.success_rate),
      `${number(sum.failure_count)} failed, ${number(sum.timeout_count)} out of time${cancelled > 0 ? `, ${number(cancelled)} cancelled` : ''}`),
    one('Average time', none ? '–' : duration(sum.avg_execution_time_ms),
      times && !none ? `half below ${duration(times.p50)}, 99 % below ${duration(times.p99)}` : 'of one run'),
    one('Pool hit rate', none ? '–' : percent(sum.pool_hit_rate),
      pool?.waits || pool?.refusals ? `${number(pool.waits)} waited${pool.waits ? ` ${duration(pool.avg_wait_time_ms)} on average` : ''}, ${number(pool.refusals)} refused` : 'a sandbox was ready'));
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

const failuresOf = (series, i) => Math.round(series.executions[i] * (1 - series.success_rate[i] / 100));

// From the first to the last bucket of the time that was asked for: those in which nothing ran are not sent, and the line must go down to
// zero there.
function filled(series, begin, end) {
  const step = series.granularity === 'day' ? 86400 : 3600;
  const known = new Map(series.timestamps.map((text, i) => [Date.parse(text) / 1000, i]));
  const first = Math.floor(Date.parse(begin) / 1000 / step) * step;
  const last = Math.min(Date.parse(end), Date.now()) / 1000;
  const data = [[], [], [], []];
  for (let time = Math.min(first, ...known.keys()); time < last || time <= Math.max(...known.keys()); time += step) {
    const i = known.get(time);
    data[0].push(time);
    data[1].push(i === undefined ? 0 : series.executions[i]);
    data[2].push(i === undefined ? 0 : failuresOf(series, i));
    data[3].push(i === undefined ? null : series.avg_duration[i]);
  }
  return {data, step};
}

function course(series, sum) {
  if (!series.timestamps.length) return panel('Over time (UTC)', empty('Nothing ran in this time.'));
  const place = element('div', {class: 'plot'});
  const most = Math.max(...series.executions);
  const made = panel('Over time (UTC)', place, element('p', {class: 'visually-hidden'},
    `${number(series.executions.reduce((sum, one) => sum + one, 0))} executions in ${series.timestamps.length} ${series.granularity === 'day' ? 'days' : 'hours'}, ${number(most)} at most in one, ${number(series.executions.reduce((sum, _, i) => sum + failuresOf(series, i), 0))} of all without success.`));
  const axis = {stroke: colour('--quiet'), grid: {stroke: colour('--line'), width: 1}, ticks: {stroke: colour('--line'), width: 1}};
  const {data, step} = filled(series, sum.start_date, sum.end_date);
  requestAnimationFrame(() => {
    if (!place.isConnected) return;
    plot?.destroy();
    plot = new uPlot({
      width: place.clientWidth, height: 260,
      tzDate: (time) => uPlot.tzDate(new Date(time * 1000), 'Etc/UTC'),
      // A bar stands in the middle of its place, also the first and the last.
      scales: {x: {time: true, range: () => [data[0][0] - step / 2, data[0].at(-1) + step / 2]}, y: {range: (_, low, high) => [0, Math.max(1, high * 1.1)]}, ms: {range: (_, low, high) => [0, Math.max(1, high * 1.1)]}},
      axes: [{...axis}, {...axis, size: 50}, {...axis, scale: 'ms', side: 1, size: 60, grid: {show: false}, values: (_, values) => values.map((value) => `${value} ms`)}],
      series: [{}, {label: 'Executions', stroke: '#3f74e8', fill: '#3f74e833', width: 2, points: {show: false}, paths: uPlot.paths.bars({size: [0.7, 40]})},
        {label: 'Without success', stroke: '#c94766', fill: '#c94766', width: 0, points: {show: false}, paths: uPlot.paths.bars({size: [0.7, 40]})},
        {label: 'Average time', scale: 'ms', stroke: '#c9781b', width: 2, spanGaps: false, points: {show: true}, value: (_, value) => (value === null || value === undefined ? '–' : duration(value))}],
    }, data, place);
    new ResizeObserver(() => { if (place.isConnected && place.clientWidth) plot.setSize({width: place.clientWidth, height: 260}); }).observe(place);
  });
  return made;
}

const figures = [{name: 'Runs', number: true}, {name: 'Failed', number: true}, {name: 'Out of time', number: true}, {name: 'Average', number: true}];
const figuresOf = (one) => [number(one.executions), number(one.failure_count), number(one.timeout_count), duration(one.avg_execution_time_ms)]
  .map((text, i) => element('td', {class: `number${(i === 1 && one.failure_count) || (i === 2 && one.timeout_count) ? ' bad' : ''}`}, text));
const byRuns = (totals) => Object.entries(totals ?? {}).sort(([, a], [, b]) => b.executions - a.executions);

// Keys by how much they were used: the first of them have a colour of their own.
function ranked(found, keys) {
  const names = new Map(keys.map((one) => [one.key_hash.slice(0, 16), one.name]));
  const entries = byRuns(found.key_totals);
  const order = entries.map(([hash]) => hash);
  return {
    entries: chosen.key ? entries.filter(([hash]) => hash === chosen.key) : entries,
    share: (hash) => Math.max(0, Math.min(order.indexOf(hash), distinctKeys)),
    nameOf: (hash) => names.get(hash) ?? (hash ? `${hash.slice(0, 8)}…, revoked` : 'Without a key'),
  };
}

function languages(found, {share, nameOf}) {
  const entries = byRuns(found.language_totals);
  if (!entries.length) return panel('Languages', empty('Nothing ran in this time.'));
  const most = entries[0][1].executions;
  const rows = entries.map(([language, one]) => {
    const parts = Object.entries(found.matrix[language] ?? {}).filter(([hash]) => !chosen.key || hash === chosen.key).sort(([a], [b]) => share(a) - share(b));
    const track = element('span', {class: 'track', 'aria-hidden': 'true'});
    for (const [hash, runs] of parts) {
      const part = element('span', {class: `share share-${share(hash)}`, title: `${nameOf(hash)}: ${number(runs)}`});
      part.style.width = `${(100 * runs) / most}%`;
      track.append(part);
    }
    return element('tr', {}, element('th', {scope: 'row'}, language), element('td', {class: 'bar-cell'}, track), figuresOf(one));
  });
  return panel('Languages', table('Figures of each language', [{name: 'Language'}, {name: element('span', {class: 'visually-hidden'}, 'Share')}, ...figures], rows));
}

function users({entries, share, nameOf}) {
  if (!entries.length) return panel('Keys', empty('Nothing ran in this time.'));
  const rows = entries.map(([hash, one]) => element('tr', {},
    element('th', {scope: 'row'}, element('i', {class: `dot share-${share(hash)}`}), nameOf(hash)), figuresOf(one)));
  return panel('Keys', table('Keys that were used', [{name: 'Key'}, ...figures], rows));
}

function heat(found) {
  if (!found.max_value) return panel('Hours of the week', empty('Nothing ran in this week.'));
  const level = (count) => (count === 0 ? 0 : Math.min(4, Math.ceil((4 * count) / found.max_value)));
  const rows = found.matrix.map((row, day) => element('tr', {}, element('th', {scope: 'row'}, found.days[day]),
    row.map((count, hour) => element('td', {class: `level-${level(count)}`, title: `${found.days[day]} ${hour}:00: ${number(count)}`},
      count ? number(count) : element('span', {class: 'visually-hidden'}, '0')))));
  const table = element('table', {class: 'heat'},
    element('caption', {class: 'visually-hidden'}, 'Executions by weekday and hour, in UTC'),
    element('thead', {}, element('tr', {}, element('td', {}), found.hours.map((hour) => element('th', {scope: 'col'}, String(hour))))),
    element('tbody', {}, rows));
  return panel('Hours of the week (UTC)', element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Executions by weekday and hour'}, table));
}

let bar, figuresPlace;

export async function showOverview(place, {get, refresh, tell}) {
  const fields = query();
  const stacked = new URLSearchParams(fields);
  stacked.set('stack_by_api_key', 'true');
  const [sum, series, found, hours, keys] = await Promise.all([
    get(`${root}/summary?${fields}`), get(`${root}/time-series?${fields}`), get(`${root}/languages?${stacked}`), get(`${root}/heatmap?${fields}`),
    get('/api/v1/admin/keys')]);
  if (sum === null) return place.replaceChildren(panel('Overview', empty('This server keeps no history of runs.')));
  if (!bar || !place.contains(bar)) {
    bar = controls(refresh, tell);
    figuresPlace = element('div', {class: 'figures'});
    place.replaceChildren(bar, figuresPlace);
  }
  bar.show(keys ?? []);
  const order = ranked(found, keys ?? []);
  refill(figuresPlace, cards(sum), course(series, sum), element('div', {class: 'split'}, languages(found, order), users(order)), heat(hours));
}
