// What runs now, with a button that ends it.
import {element} from '../common.js';
import {badge, duration, empty, panel, table} from './parts.js';

const heads = [{name: 'Language'}, {name: 'State'}, {name: 'For', number: true}, {name: 'Key'}, {name: 'Session'}, {name: 'Run'}, {name: ''}];

export async function showRuns(place, {get, send, refresh, tell}) {
  const answer = await get('/api/v1/admin/runs');
  if (answer === null) return place.replaceChildren(panel('Running now', empty('This server does not tell what runs.')));
  const focused = document.activeElement?.dataset?.run;
  const end = async (run) => {
    tell((await send('DELETE', `/api/v1/admin/runs/${encodeURIComponent(run.id)}`)) ? 'The run is ending.' : 'It had ended already.');
    refresh();
  };
  const rows = answer.runs.map((run) => element('tr', {},
    element('td', {}, run.language), element('td', {}, badge(run.state, run.state === 'running' ? 'good' : 'warn')),
    element('td', {class: 'number'}, duration(run.seconds * 1000)), element('td', {}, element('code', {}, run.api_key_hash.slice(0, 8))),
    element('td', {}, element('code', {}, run.session_id)), element('td', {}, element('code', {}, run.id)),
    element('td', {}, element('button', {
      type: 'button', class: 'small danger', 'data-run': run.id, 'aria-label': `End the run ${run.id}`,
      onclick: () => end(run).catch((problem) => tell(problem.message)),
    }, 'End'))));
  const heading = heads.map((head) => (head.name ? head : {name: element('span', {class: 'visually-hidden'}, 'Actions')}));
  place.replaceChildren(panel('Running now', rows.length ? table('Runs', heading, rows) : empty('Nothing runs. What begins appears here within two seconds.')));
  if (focused) place.querySelector(`[data-run="${CSS.escape(focused)}"]`)?.focus();
}
