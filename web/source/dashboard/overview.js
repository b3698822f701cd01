// Who used the server, how much and how well: sums, a course over time, languages by key, and the hours of the week.
import 'uplot/dist/uPlot.min.css';
import uPlot from 'uplot';

import {element} from '../common.js';
import {duration, empty, number, panel, percent} from './parts.js';

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

function controls(keys, refresh) {
  const set = (change) => { Object.assign(chosen, change); refresh(); };
  const date = (id, label, name) => {
    const input = element('input', {type: 'date', id, onchange: (event) => set({[name]: event.target.value})});
    input.value = chosen[name];
    return element('div', {class: 'field'}, element('label', {for: id}, label), input);
  };
  const free = Boolean(chosen.start || chosen.end);
  const filter = element('select', {id: 'key-filter', onchange: (event) => set({key: event.target.value})},
    element('option', {value: ''}, 'All keys'), keys.map((one) => element('option', {value: one.key_hash.slice(0, 16)}, `${one.name} (${one.key_prefix}…)`)));
  filter.value = chosen.key;
  return element('div', {class: 'controls'},
    element('div', {class: 'segments', role: 'group', 'aria-label': 'Period'}, periods.map(([period, text, label]) => element('button', {
      type: 'button', 'aria-label': label, 'aria-pressed': String(!free && chosen.period === period), onclick: () => set({period, start: '', end: ''}),
    }, text))),
    date('from-date', 'From', 'start'), date('to-date', 'To', 'end'),
    element('div', {class: 'field'}, element('label', {for: 'key-filter'}, 'Key'), filter));
}

function cards(sum) {
  const one = (title, value, note) => element('div', {class: 'card'}, element('h2', {}, title), element('strong', {}, value), element('span', {class: 'quiet'}, note));
  const none = sum.total_executions === 0;
  return element('div', {class: 'cards'},
    one('Executions', number(sum.total_executions), `${number(sum.active_api_keys)} ${sum.active_api_keys === 1 ? 'key' : 'keys'} in use`),
    one('Success rate', none ? '–' : percent(sum.success_rate), `${number(sum.failure_count)} failed, ${number(sum.timeout_count)} out of time`),
    one('Average time', none ? '–' : duration(sum.avg_execution_time_ms), 'of one run'),
    one('Pool hit rate', none ? '–' : percent(sum.pool_hit_rate), 'a sandbox was ready'));
}

function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

// From the first to the last bucket of the time that was asked for: those in which nothing ran are not sent, and the line must go down to
// zero there.
function filled(series, begin, end) {
  const step = series.granularity === 'day' ? 86400 : 3600;
  const known = new Map(series.timestamps.map((text, i) => [Date.parse(text) / 1000, i]));
  const first = Math.floor(Date.parse(begin) / 1000 / step) * step;
  const last = Math.min(Date.parse(end), Date.now()) / 1000;
  const data = [[], [], []];
  for (let time = Math.min(first, ...known.keys()); time < last || time <= Math.max(...known.keys()); time += step) {
    const i = known.get(time);
    data[0].push(time);
    data[1].push(i === undefined ? 0 : series.executions[i]);
    data[2].push(i === undefined ? null : series.avg_duration[i]);
  }
  return {data, step};
}

function course(series, sum) {
  if (!series.timestamps.length) return panel('Over time (UTC)', empty('Nothing ran in this time.'));
  const place = element('div', {class: 'plot'});
  const most = Math.max(...series.executions);
  const made = panel('Over time (UTC)', place, element('p', {class: 'visually-hidden'},
    `${number(series.executions.reduce((sum, one) => sum + one, 0))} executions in ${series.timestamps.length} ${series.granularity === 'day' ? 'days' : 'hours'}, ${number(most)} at most in one.`));
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
        {label: 'Average time', scale: 'ms', stroke: '#c9781b', width: 2, spanGaps: false, points: {show: true}, value: (_, value) => (value === null || value === undefined ? '–' : duration(value))}],
    }, data, place);
    new ResizeObserver(() => { if (place.isConnected && place.clientWidth) plot.setSize({width: place.clientWidth, height: 260}); }).observe(place);
  });
  return made;
}

function languages(found, keys) {
  const entries = Object.entries(found.by_language).sort(([, a], [, b]) => b - a);
  if (!entries.length) return panel('Languages', empty('Nothing ran in this time.'));
  const names = new Map(keys.map((one) => [one.key_hash.slice(0, 16), one.name]));
  const order = Object.entries(found.by_api_key).sort(([, a], [, b]) => b - a).map(([hash]) => hash);
  const share = (hash) => Math.min(order.indexOf(hash), distinctKeys);
  const nameOf = (hash) => names.get(hash) ?? (hash ? `${hash.slice(0, 8)}…` : 'Without a key');
  const most = entries[0][1];
  const shown = chosen.key ? [chosen.key] : null;
  const bars = entries.map(([language, count]) => {
    const parts = Object.entries(found.matrix[language] ?? {}).filter(([hash]) => !shown || shown.includes(hash)).sort(([a], [b]) => share(a) - share(b));
    const track = element('span', {class: 'track', 'aria-hidden': 'true'});
    for (const [hash, runs] of parts.length ? parts : [['', count]]) {
      const part = element('span', {class: `share share-${Math.max(0, share(hash))}`, title: `${nameOf(hash)}: ${number(runs)}`});
      part.style.width = `${(100 * runs) / most}%`;
      track.append(part);
    }
    return element('li', {}, element('span', {}, language), track, element('span', {class: 'number'}, number(count)));
  });
  const legend = order.slice(0, distinctKeys + 1).map((hash, i) => element('li', {}, element('i', {class: `share-${i}`}), i < distinctKeys ? nameOf(hash) : 'Others'));
  return panel('Languages', element('ul', {class: 'bars'}, bars), legend.length ? element('ul', {class: 'legend', 'aria-label': 'Keys'}, legend) : null);
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

export async function showOverview(place, {get, refresh}) {
  const fields = query();
  const stacked = new URLSearchParams(fields);
  stacked.set('stack_by_api_key', 'true');
  const [sum, series, found, hours, keys] = await Promise.all([
    get(`${root}/summary?${fields}`), get(`${root}/time-series?${fields}`), get(`${root}/languages?${stacked}`), get(`${root}/heatmap?${fields}`),
    get('/api/v1/admin/keys')]);
  if (sum === null) return place.replaceChildren(panel('Overview', empty('This server keeps no history of runs.')));
  const focused = document.activeElement;
  const mark = focused?.id || focused?.getAttribute?.('aria-label');
  const was = place.contains(focused);
  place.replaceChildren(controls(keys ?? [], refresh), cards(sum), element('div', {class: 'split'}, course(series, sum), languages(found, keys ?? [])), heat(hours));
  // The control that was just used is a new one now.
  if (was && mark) (document.getElementById(mark) ?? place.querySelector(`[aria-label="${CSS.escape(mark)}"]`))?.focus();
}
