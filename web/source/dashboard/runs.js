// What runs now, with a button that ends it.
import {element, refill} from '../common.js';
import {badge, duration, empty, panel, table} from './parts.js';

const heads = [{name: 'Language'}, {name: 'State'}, {name: 'For', number: true}, {name: 'Key'}, {name: 'Session'}, {name: 'Run'}, {name: ''}];

const names = new Map();  // of keys, by what a run says of its key

// Keys are asked for when there is a new one among those that run, and not every two seconds.
async function learnNames(runs, get) {
  if (runs.every((run) => names.has(run.api_key_hash))) return;
  for (const key of (await get('/api/v1/admin/keys')) ?? []) names.set(key.key_hash.slice(0, 16), `${key.name} (${key.key_prefix}…)`);
  for (const {api_key_hash: hash} of runs) if (!names.has(hash)) names.set(hash, hash ? `${hash.slice(0, 8)}…` : 'without a key');
}

export async function showRuns(place, {get, send, refresh, tell}) {
  const answer = await get('/api/v1/admin/runs');
  if (answer === null) return refill(place, panel('Running now', empty('This server does not tell what runs.')));
  await learnNames(answer.runs, get);
  const end = async (run) => {
    tell((await send('DELETE', `/api/v1/admin/runs/${encodeURIComponent(run.id)}`)) ? 'The run is ending.' : 'It had ended already.');
    refresh();
  };
  const rows = answer.runs.map((run) => element('tr', {},
    element('td', {}, run.language), element('td', {}, badge(run.state, run.state === 'running' ? 'good' : 'warn')),
    element('td', {class: 'number'}, duration(run.seconds * 1000)), element('td', {}, names.get(run.api_key_hash)),
    element('td', {}, element('code', {}, run.session_id)), element('td', {}, element('code', {}, run.id)),
    element('td', {}, element('button', {
      type: 'button', class: 'small danger', 'data-mark': run.id, 'aria-label': `End the run ${run.id}`,
      onclick: () => end(run).catch((problem) => tell(problem.message)),
    }, 'End'))));
  const heading = heads.map((head) => (head.name ? head : {name: element('span', {class: 'visually-hidden'}, 'Actions')}));
  refill(place, panel('Running now', rows.length ? table('Runs', heading, rows) : empty('Nothing runs. What begins appears here within two seconds.')));
}
