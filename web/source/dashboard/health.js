// How each service does, and how full the pool is.
import {element, refill} from '../common.js';
import {badge, duration, empty, moment, number, panel, table} from './parts.js';

const titles = {redis: 'Records', minio: 'Files', pod_pool: 'Sandbox pool', compile_cache: 'Compiled programs', kubernetes: 'Kubernetes'};
const units = {ms: 'ms', mb: 'MB', seconds: 's', percent: '%'};
const words = (name) => name.replace(/_(ms|mb|seconds|percent)$/, (_, unit) => ` (${units[unit]})`)
  .replaceAll('_', ' ').replace(/^./, (letter) => letter.toUpperCase());
const text = (value) => (typeof value === 'number' ? number(value, 2) : typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value));

function service(name, one) {
  const facts = Object.entries(one.details ?? {}).filter(([, value]) => typeof value !== 'object' || value === null);
  return element('section', {class: 'card panel', 'aria-label': titles[name] ?? words(name)},
    element('div', {class: 'title'}, element('h2', {}, titles[name] ?? words(name)), badge(one.status)),
    one.error ? element('p', {class: 'notice'}, one.error) : null,
    element('dl', {class: 'facts'},
      one.response_time_ms === undefined ? null : [element('dt', {}, 'Answers in'), element('dd', {}, duration(one.response_time_ms))],
      facts.flatMap(([fact, value]) => [element('dt', {}, words(fact)), element('dd', {}, text(value))])));
}

function pool(languages) {
  const entries = Object.entries(languages ?? {});
  if (!entries.length) return empty('No sandboxes are kept ready.');
  const heads = ['Language', 'Ready', 'In use', 'Being made', 'Wanted'].map((name, i) => ({name, number: i > 0}));
  return table('Sandboxes of each language', heads, entries.map(([code, one]) => element('tr', {}, element('td', {}, code),
    [one.available, one.in_use, one.creating, one.target_size].map((count) => element('td', {class: 'number'}, number(count))))));
}

// Whether it is large enough, in words.
function verdict(one) {
  if (!one?.acquisitions && !one?.refusals) return element('p', {class: 'quiet'}, 'No program has asked for a sandbox since the server started.');
  const sum = (name) => number(one[name] ?? 0);
  const facts = `Since the server started: ${sum('hits')} of ${sum('acquisitions')} programs found a sandbox ready, ${sum('waits')} waited`
    + `${one.waits ? `, ${duration(one.average_wait_ms ?? 0)} on average` : ''}, ${sum('refusals')} were refused.`;
  const short = (one.exhaustions ?? 0) + (one.refusals ?? 0) > 0.1 * (one.acquisitions + (one.refusals ?? 0));
  return element('p', {}, badge(short ? 'too small' : 'large enough', short ? 'warn' : 'good'), ` ${facts}`,
    short ? ' Raise POD_POOL_… of the languages below that have none ready, POD_POOL_MEMORY_MB, or the number of servers.' : '');
}

export async function showHealth(place, {get}) {
  const stats = await get('/api/v1/admin/stats');
  // Without that route the key that is needed is another one; then only what needs no key is told.
  if (stats === null) {
    const ready = await fetch('/ready').then((answer) => answer.json());
    return refill(place, panel('Services', element('p', {}, 'The server is ', badge(ready.status.replace('_', ' '), ready.status === 'ready' ? 'good' : 'bad')),
      empty('Details are not served to the dashboard by this server.')));
  }
  const {status, services} = stats.health;
  refill(place, 
    element('p', {}, 'Overall: ', badge(status), element('span', {class: 'quiet'}, ` as of ${moment(stats.timestamp)}`)),
    element('div', {class: 'services'}, Object.entries(services).map(([name, one]) => service(name, one))),
    panel('Pool by language', verdict(services.pod_pool?.details), pool(services.pod_pool?.details?.languages)));
}
