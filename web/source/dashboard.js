import './common.css';
import './dashboard.css';

import {Key, ServerError, ask, byId, say} from './common.js';
import {showHealth} from './dashboard/health.js';
import {showKeys} from './dashboard/keys.js';
import {showOverview} from './dashboard/overview.js';
import {showRuns} from './dashboard/runs.js';

const key = new Key('master_api_key', byId('key-dialog'));
// Each fills its panel; those that change by themselves are filled again after so many seconds.
const views = {
  overview: {show: showOverview, seconds: 30},
  runs: {show: showRuns, seconds: 2},
  keys: {show: showKeys, seconds: 0},
  health: {show: showHealth, seconds: 30},
};
// Not the name in the address alone: the browser would go to it when the page is loaded, and take the focus from the dialog.
const panelOf = (name) => byId(`panel-${name}`);
let current = 'overview';
let timer;
let turn = 0;
let failing = false;  // what the status says is why the last try failed

// A part of the administration that this server does not have is null, and shown as such.
async function get(path) {
  try {
    return await ask(key, path);
  } catch (problem) {
    if (problem.status === 404) return null;
    if (problem.status === 503 && problem.body?.services) return problem.body;  // health that is bad is an answer
    throw problem;
  }
}
const send = (method, path, body) => ask(key, path, {
  method, headers: {'content-type': 'application/json'}, body: body === undefined ? undefined : JSON.stringify(body),
});

async function refresh() {
  clearTimeout(timer);
  const mine = ++turn;
  const {show, seconds} = views[current];
  try {
    await show(panelOf(current), {get, send, refresh, tell: (text) => say(byId('status'), text)});
    if (mine !== turn) return;
    byId('leave').hidden = !key.value;
    if (failing) say(byId('status'), '');
    failing = false;
    if (seconds) {
      timer = setTimeout(() => (document.hidden ? document.addEventListener('visibilitychange', refresh, {once: true}) : refresh()), seconds * 1000);
    }
  } catch (problem) {
    if (mine !== turn) return;
    if (problem.status === 401 || problem.status === 403) return lock();
    failing = true;
    say(byId('status'), problem instanceof ServerError ? problem.message : 'The server cannot be reached. The next try follows by itself.');
    timer = setTimeout(refresh, 5000);
  }
}

function lock() {
  clearTimeout(timer);
  ++turn;
  key.forget();
  byId('leave').hidden = true;
  byId('locked').hidden = false;
  byId('tabs').hidden = true;
  for (const id of Object.keys(views)) {
    panelOf(id).hidden = true;
    panelOf(id).replaceChildren();
  }
  byId('log-in').focus();
}

function choose(id, focus = false) {
  current = views[id] ? id : 'overview';
  say(byId('status'), '');  // that was about another view
  for (const name of Object.keys(views)) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute('aria-selected', name === current);
    tab.tabIndex = name === current ? 0 : -1;
    panelOf(name).hidden = name !== current;
    if (name === current && focus) tab.focus();
  }
  byId(`tab-${current}`).scrollIntoView({block: 'nearest', inline: 'nearest'});
  refresh();
}

async function logIn() {
  const asked = !key.value;
  if (asked && !(await key.ask())) return lock();
  try {
    await get('/api/v1/admin/keys');  // one request with a key that may be wrong, not all that a view asks for
  } catch (problem) {
    say(byId('status'), problem.status === 401 || problem.status === 403 ? '' : problem instanceof ServerError ? problem.message : 'The server cannot be reached.');
    return lock();
  }
  byId('locked').hidden = true;
  byId('tabs').hidden = false;
  choose(location.hash.slice(1) || 'overview', asked);
}

for (const name of Object.keys(views)) byId(`tab-${name}`).addEventListener('click', () => { history.replaceState(null, '', `#${name}`); choose(name); });
byId('tabs').addEventListener('keydown', (event) => {
  const names = Object.keys(views);
  const at = names.indexOf(current);
  const next = names[{ArrowRight: (at + 1) % names.length, ArrowLeft: (at + names.length - 1) % names.length, Home: 0, End: names.length - 1}[event.key]];
  if (!next) return;
  event.preventDefault();
  history.replaceState(null, '', `#${next}`);
  choose(next, true);
});
window.addEventListener('hashchange', () => { if (key.value) choose(location.hash.slice(1)); });
byId('leave').addEventListener('click', lock);
byId('log-in').addEventListener('click', logIn);
document.documentElement.dataset.ready = 'true';
logIn();
