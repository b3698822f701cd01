import './common.css';
import './playground.css';

import {Key, ServerError, ask, byId, copy, element, refill, request, say} from './common.js';
import {makeEditor} from './editor.js';
import {examples} from './examples.js';
import {languageOf, languages} from './languages.js';
import {showResult} from './result.js';
import {fromFragment, snippets, toFragment} from './snippets.js';

const key = new Key('api_key', byId('key-dialog'));
// What is kept for as long as the tab is open: the language, a program for each, the session and the files of it.
const kept = {lang: 'py', programs: {}, arguments: '', session: '', files: [], ...JSON.parse(sessionStorage.getItem('playground') ?? '{}')};
const keep = () => sessionStorage.setItem('playground', JSON.stringify(kept));
let running = null;

const editor = makeEditor(byId('editor'), {run, changed: () => {
  kept.programs[kept.lang] = editor.text;
  if (byId('example').value && exampleChosen()?.code !== editor.text) byId('example').value = '';
  keep();
}});
const exampleChosen = () => examples.find((one) => one.lang === kept.lang && one.title === byId('example').value);
const firstExample = (lang) => examples.find((example) => example.lang === lang);

function chooseLanguage(lang) {
  kept.lang = languageOf(lang).code;
  byId('language').value = kept.lang;
  byId('example').replaceChildren(
    element('option', {value: ''}, 'Examples…'),
    ...examples.filter((one) => one.lang === kept.lang).map((one) => element('option', {value: one.title}, one.title)));
  editor.setLanguage(kept.lang);
  editor.text = kept.programs[kept.lang] ?? firstExample(kept.lang).code;
  keep();
}

function body() {
  const wanted = {lang: kept.lang, code: editor.text};
  // As a shell would take them apart, but for quotes inside of words.
  const parts = kept.arguments.match(/"[^"]*"|'[^']*'|\S+/g) ?? [];
  if (parts.length) wanted.args = parts.map((part) => part.replace(/^(["'])(.*)\1$/, '$2'));
  if (kept.session) wanted.session_id = kept.session;
  const sent = kept.files.filter((file) => file.uploaded);
  if (sent.length) wanted.files = sent.map(({id, name, storage_session_id}) => ({id, name, storage_session_id}));
  return wanted;
}

// A button that is disabled loses the focus, and then the keyboard begins at the top of the page. So it only says that it is.
const disable = (id, off) => byId(id).setAttribute('aria-disabled', String(off));

function showSession() {
  byId('session').textContent = kept.session ? `Session ${kept.session.slice(0, 8)}…` : 'No session yet';
  disable('new-session', !kept.session && kept.files.length === 0);
  byId('key').textContent = key.value ? 'Change key' : 'Enter key';
}

const pathOf = (file) => `/download/${encodeURIComponent(file.storage_session_id)}/${encodeURIComponent(file.id)}`;

async function contentOf(file) {
  const answer = await request(key, pathOf(file));
  if (!answer.ok) throw new ServerError(answer.status, `${file.name} cannot be downloaded (status ${answer.status}).`);
  return answer.blob();
}

async function download(file) {
  try {
    const address = URL.createObjectURL(await contentOf(file));
    element('a', {href: address, download: file.name.split('/').pop()}).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (problem) {
    say(byId('status'), problem.message);
  }
}

function showFiles() {
  refill(byId('file-list'), ...kept.files.map((file) => element(
    'li', {}, element('span', {}, file.name), element('button', {
      type: 'button', class: 'small', 'aria-label': `Download ${file.name}`, title: 'Download', onclick: () => download(file),
    }, '↓'))));
  showSession();
}

function remember(files, uploaded) {
  for (const {id, name, storage_session_id} of files) {
    kept.files = kept.files.filter((one) => one.name !== name);
    kept.files.push({id, name, storage_session_id, uploaded});
  }
}

async function run() {
  if (running) return;
  if (!key.value && !(await key.ask())) return;
  running = new AbortController();
  disable('run', true);
  byId('stop').hidden = false;
  say(byId('status'), 'Running…');
  try {
    const answer = await ask(key, '/exec', {
      method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body()), signal: running.signal,
    });
    kept.session = answer.session_id;
    const gone = new Set(answer.deleted_files ?? []);
    kept.files = kept.files.filter((file) => !gone.has(file.name));
    remember(answer.files.filter((file) => !file.inherited), false);
    keep();
    showFiles();
    say(byId('status'), await showResult(byId('result'), answer, {contentOf, download}));
  } catch (problem) {
    const stopped = problem.name === 'AbortError';
    say(byId('status'), stopped ? 'Stopped.' : 'It did not run.');
    const text = problem instanceof ServerError ? problem.message : 'The server cannot be reached.';
    byId('result').replaceChildren(stopped ? element('p', {class: 'quiet'}, 'The run was stopped; nothing of it is kept.') : element('p', {class: 'notice'}, text));
  } finally {
    running = null;
    disable('run', false);
    if (document.activeElement === byId('stop')) byId('run').focus();
    byId('stop').hidden = true;
    showSession();
  }
}

async function upload(list) {
  const files = [...list];
  if (!files.length || (!key.value && !(await key.ask()))) return;
  say(byId('status'), `Uploading ${files.length === 1 ? files[0].name : `${files.length} files`}…`);
  const form = new FormData();
  for (const file of files) form.append('file', file, file.name);
  try {
    const answer = await ask(key, '/upload', {method: 'POST', body: form});
    remember(answer.files.map((file) => ({id: file.fileId, name: file.filename, storage_session_id: answer.storage_session_id})), true);
    keep();
    showFiles();
    say(byId('status'), `Uploaded: ${answer.files.map((file) => file.filename).join(', ')}`);
  } catch (problem) {
    say(byId('status'), problem instanceof ServerError ? problem.message : 'The upload failed: the server cannot be reached.');
  }
}

function showText(title, note, text) {
  byId('text-title').textContent = title;
  byId('text-note').textContent = note;
  byId('text-field').value = text;
  byId('text-status').textContent = '';
  if (byId('text-dialog').open) return;
  byId('text-dialog').showModal();
  byId('text-field').select();
}

const kinds = {curl: 'curl', python: 'Python', javascript: 'JavaScript'};

function showSnippet(kind) {
  byId('kinds').hidden = false;
  for (const button of byId('kinds').children) button.setAttribute('aria-pressed', String(button.dataset.kind === kind));
  showText(`The same run with ${kinds[kind]}`, 'The key is read from the environment variable KUBECODERUN_API_KEY.', snippets[kind](location.origin, body()));
}

function listen() {
  byId('language').append(...languages.map((language) => element('option', {value: language.code}, language.name)));
  byId('language').addEventListener('change', (event) => chooseLanguage(event.target.value));
  byId('example').addEventListener('change', () => {
    // It stays chosen until the program is changed, so that the arrow keys go from one to the next.
    const chosen = exampleChosen();
    if (chosen) editor.text = chosen.code;
  });
  byId('arguments').value = kept.arguments;
  byId('arguments').addEventListener('input', (event) => { kept.arguments = event.target.value; keep(); });
  byId('run').addEventListener('click', run);
  byId('stop').addEventListener('click', () => running?.abort());
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !event.defaultPrevented && !document.querySelector('dialog[open]')) run();
  });
  byId('key').addEventListener('click', async () => { await key.ask(); showSession(); });
  byId('copy').addEventListener('click', () => showSnippet('curl'));
  byId('kinds').append(...Object.entries(kinds).map(([kind, name]) => element('button', {type: 'button', 'data-kind': kind, onclick: () => showSnippet(kind)}, name)));
  byId('share').addEventListener('click', async () => {
    const fragment = await toFragment({lang: kept.lang, code: editor.text});
    history.replaceState(null, '', fragment);
    byId('kinds').hidden = true;
    showText('A link to this program', 'The program is in the link itself, behind #, and is sent to no server. Files, session and key are not in it.', location.href);
  });
  const dialog = byId('text-dialog');
  dialog.querySelector('form').addEventListener('submit', (event) => event.preventDefault());
  dialog.querySelector('[data-close]').addEventListener('click', () => dialog.close());
  dialog.querySelector('[data-copy]').addEventListener('click', async () => {
    await copy(byId('text-field').value);
    say(byId('text-status'), 'Copied.');
  });
  byId('choose').addEventListener('click', () => byId('picker').click());
  byId('picker').addEventListener('change', async (event) => { await upload(event.target.files); event.target.value = ''; });
  byId('new-session').addEventListener('click', () => {
    if (byId('new-session').getAttribute('aria-disabled') === 'true') return;
    Object.assign(kept, {session: '', files: []});
    keep();
    showFiles();
    say(byId('status'), 'The next run begins a new session.');
  });
  const drop = byId('drop');
  // Anywhere on the page, so that a file that misses does not replace it.
  document.addEventListener('dragover', (event) => { event.preventDefault(); drop.classList.add('over'); });
  document.addEventListener('dragleave', (event) => { if (!event.relatedTarget) drop.classList.remove('over'); });
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    drop.classList.remove('over');
    upload(event.dataTransfer.files);
  });
  window.addEventListener('hashchange', openShared);
}

async function openShared() {
  const shared = await fromFragment(location.hash);
  if (!shared) return false;
  chooseLanguage(shared.lang);
  editor.text = shared.code;
  return true;
}

listen();
if (!(await openShared())) chooseLanguage(kept.lang);
showFiles();
document.documentElement.dataset.ready = 'true';
