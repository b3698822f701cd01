// Keys: who has one, what each may, and making, changing, pausing and revoking them.
import {byId, copy, element, focusMark, markOf, refill, say} from '../common.js';
import {badge, empty, moment, number, panel, table} from './parts.js';

const periods = [['per_second', 'per second'], ['per_minute', 'per minute'], ['hourly', 'per hour'], ['daily', 'per day'], ['monthly', 'per month']];
const ceilings = [['max_concurrent_runs', 'Runs at once'], ['max_execution_seconds', 'Longest run (s)'], ['max_memory_mb', 'Memory (MB)']];
const root = '/api/v1/admin/keys';
const heads = ['Name', 'Prefix', 'State', 'Limits', 'Uses', 'Last used'].map((name) => ({name, number: name === 'Uses'}));
const dialog = byId('edit-dialog');
let opener = '';  // the mark of the control that the dialog was opened with, which may have been made anew when it closes

function limitsOf(key) {
  const rates = periods.filter(([name]) => key.rate_limits[name]).map(([name, text]) => `${number(key.rate_limits[name])} ${text}`);
  const rest = ceilings.filter(([name]) => key.ceilings?.[name]).map(([name, text]) => `${text.toLowerCase()}: ${number(key.ceilings[name])}`);
  const languages = key.ceilings?.languages?.length ? [`only ${key.ceilings.languages.join(' ')}`] : [];
  return [...rates, ...rest, ...languages].join(', ') || 'none';
}

function openForm(title, content, submit, save) {
  opener = markOf(document.activeElement);
  const problem = element('p', {class: 'notice', role: 'alert', hidden: true});
  const form = element('form', {}, element('h2', {id: 'edit-title'}, title), content, problem,
    element('div', {class: 'row'}, element('button', {type: 'button', onclick: () => dialog.close()}, 'Cancel'), element('button', {class: submit.danger ? 'danger' : 'primary'}, submit.text)));
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    try {
      await save(form);
    } catch (failure) {
      problem.hidden = false;
      problem.textContent = failure.message;
    }
  });
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
  form.querySelector('input')?.focus();
}

function numbers(legend, fields, values) {
  return element('fieldset', {class: 'limits'}, element('legend', {}, legend), fields.map(([name, text]) => {
    const input = element('input', {type: 'number', min: '0', step: '1', id: `limit-${name}`, name, placeholder: 'no limit', inputmode: 'numeric'});
    input.value = values?.[name] ?? '';
    return element('div', {class: 'field'}, element('label', {for: `limit-${name}`}, text), input);
  }));
}

const read = (form, fields) => Object.fromEntries(fields.map(([name]) => [name, form.elements[name].value === '' ? null : Number(form.elements[name].value)]));

function languagesField(key) {
  const input = element('input', {id: 'key-languages', name: 'languages', placeholder: 'all', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'key-languages-note'});
  input.value = key?.ceilings?.languages?.join(' ') ?? '';
  return element('div', {class: 'field'}, element('label', {for: 'key-languages'}, 'Languages'), input,
    element('span', {class: 'note quiet', id: 'key-languages-note'}, 'Codes with spaces between them, such as py js'));
}

function edit(key, {send, refresh, tell}) {
  const name = element('input', {id: 'key-name', name: 'name', required: true, maxlength: '200', autocomplete: 'off'});
  name.value = key?.name ?? '';
  const content = [element('div', {class: 'field'}, element('label', {for: 'key-name'}, 'Name'), name),
    numbers('Requests', periods, key?.rate_limits), ...(key && !key.ceilings ? [] : [numbers('Each run at most', ceilings, key?.ceilings), languagesField(key)])];
  openForm(key ? `Edit ${key.name}` : 'Create a key', content, {text: key ? 'Save' : 'Create'}, async (form) => {
    const body = {name: form.elements.name.value, rate_limits: read(form, periods)};
    // Those that have no field here stay as they are.
    if (form.elements.max_memory_mb) body.ceilings = {...key?.ceilings, ...read(form, ceilings), languages: form.elements.languages.value.split(/[\s,]+/).filter(Boolean)};
    const answer = await send(key ? 'PATCH' : 'POST', key ? `${root}/${key.key_hash}` : root, body);
    if (key) {
      dialog.close();
      tell('Saved.');
    } else showNew(answer);
    refresh();
  });
}

function showNew({api_key: key, record}) {
  const status = element('p', {role: 'status', class: 'good'});
  const button = element('button', {
    type: 'button', class: 'primary', 'aria-describedby': 'new-key-note', onclick: async () => { await copy(key); say(status, 'Copied.'); button.focus(); },
  }, 'Copy');
  dialog.replaceChildren(element('form', {},
    element('h2', {id: 'edit-title'}, `The key ${record.name}`),
    element('p', {id: 'new-key-note'}, 'Copy it now: it is not kept anywhere and cannot be shown again.'),
    element('div', {class: 'secret'}, element('code', {id: 'new-key'}, key), button),
    status, element('div', {class: 'row'}, element('button', {type: 'button', onclick: () => dialog.close()}, 'Done'))));
  button.focus();
}
dialog.addEventListener('close', () => {
  dialog.replaceChildren();  // a new key stays nowhere
  if (!byId('panel-keys').contains(document.activeElement)) focusMark(byId('panel-keys'), opener);
});

function revoke(key, {send, refresh, tell}) {
  openForm(`Revoke ${key.name}?`, element('p', {}, 'Whoever uses it is refused from now on. This cannot be taken back; to refuse it for a while, pause it.'),
    {text: 'Revoke', danger: true}, async () => {
      await send('DELETE', `${root}/${key.key_hash}`);
      dialog.close();
      tell(`${key.name} is revoked.`);
      refresh();
    });
}

function actions(key, view) {
  if (key.source === 'environment') return element('span', {class: 'quiet'}, 'from the environment');
  const toggle = async () => {
    await view.send('PATCH', `${root}/${key.key_hash}`, {enabled: !key.enabled});
    view.tell(`${key.name} is ${key.enabled ? 'paused' : 'in use again'}.`);
    view.refresh();
  };
  // A button that has become another one, Pause and Resume, is still the same place.
  const button = (text, action, danger, place = text) => element('button', {
    type: 'button', 'data-mark': `${place} ${key.key_hash}`, class: `small${danger ? ' danger' : ''}`, 'aria-label': `${text} ${key.name}`,
    onclick: () => Promise.resolve(action()).catch((problem) => view.tell(problem.message)),
  }, text);
  return element('div', {class: 'actions'}, button('Edit', () => edit(key, view)), button(key.enabled ? 'Pause' : 'Resume', toggle, false, 'Pause'), button('Revoke', () => revoke(key, view), true));
}

export async function showKeys(place, view) {
  const keys = await view.get(root);
  if (keys === null) return place.replaceChildren(panel('API keys', empty('This server has only the keys of its environment.')));
  const rows = keys.map((key) => element('tr', {},
    element('td', {}, key.name), element('td', {}, element('code', {}, key.key_prefix)), element('td', {}, key.enabled ? badge('active', 'good') : badge('paused', 'warn')),
    element('td', {class: 'limits-cell'}, limitsOf(key)), element('td', {class: 'number'}, number(key.usage_count)), element('td', {}, moment(key.last_used_at)), element('td', {}, actions(key, view))));
  const made = panel('API keys', rows.length ? table('Keys', [...heads, {name: element('span', {class: 'visually-hidden'}, 'Actions')}], rows) : empty('There are no keys yet.'));
  made.querySelector('.title').append(element('button', {type: 'button', class: 'primary', 'data-mark': 'create', 'data-fallback': true, onclick: () => edit(null, view)}, 'Create a key'));
  refill(place, made);
}
