// What the pages have in common: making elements, asking the server, and the dialog that asks for a key.

// element('p', {class: 'quiet', onclick: f}, 'text', otherElement)
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return made;
}

export const byId = (id) => document.getElementById(id);

// By this a control is known again after what it was part of has been made anew: its id, or what it does and to what.
export const markOf = (focused) => focused?.id || focused?.dataset?.mark || focused?.getAttribute?.('aria-label') || '';
const marked = (place, mark) => (mark ? [...place.querySelectorAll('[id], [data-mark], [aria-label]')].find((one) => markOf(one) === mark) : undefined);

// Gives the focus to the control with this mark. When there is none any more, to the place itself in one way or the other: whoever uses
// the keyboard must never have to begin at the top of the page again.
export function focusMark(place, mark) {
  (marked(place, mark) ?? place.querySelector('[data-fallback]') ?? place.querySelector('[role="region"]')
    ?? document.querySelector('[role="tab"][aria-selected="true"]') ?? document.querySelector('[data-fallback]'))?.focus();
}

// Puts these into the place of what is there. The focus, and how far tables are scrolled, stay as they are.
export function refill(place, ...children) {
  const focused = document.activeElement;
  const had = focused !== place && place.contains(focused);
  const mark = had ? markOf(focused) : '';
  const scrolled = [...place.querySelectorAll('.scroll[aria-label]')].map((one) => [markOf(one), one.scrollLeft, one.scrollTop]);
  place.replaceChildren(...children);
  for (const [name, left, top] of scrolled) marked(place, name)?.scrollTo(left, top);
  if (had) focusMark(place, mark);
}

export class ServerError extends Error {
  constructor(status, message, body) {
    super(message);
    this.status = status;
    this.body = body;
  }
}

// One key, typed once, for as long as the tab is open.
export class Key {
  constructor(name, dialog) {
    this.name = name;
    this.dialog = dialog;
    this.input = dialog.querySelector('input');
    this.problem = dialog.querySelector('.notice');
    this.waiting = [];
    dialog.querySelector('form').addEventListener('submit', (event) => {
      event.preventDefault();
      if (!this.input.value.trim()) return;
      sessionStorage.setItem(name, this.input.value.trim());
      this.input.value = '';
      dialog.close('known');
    });
    dialog.querySelector('[data-cancel]')?.addEventListener('click', () => dialog.close(''));
    dialog.addEventListener('close', () => {
      const waiting = this.waiting;
      this.waiting = [];
      for (const tell of waiting) tell(dialog.returnValue === 'known');
      dialog.returnValue = '';
    });
  }
  get value() { return sessionStorage.getItem(this.name) ?? ''; }
  forget() { sessionStorage.removeItem(this.name); }
  // True once there is a key, false when nobody wants to type one.
  ask(problem = '') {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
    this.input.setAttribute('aria-invalid', String(Boolean(problem)));
    if (!this.dialog.open) this.dialog.showModal();
    this.input.focus();
    return new Promise((tell) => this.waiting.push(tell));
  }
}

// The answer, whatever its status; asks for the key when it is missing or wrong, and then once more.
export async function request(key, path, options = {}) {
  let problem = '';
  for (;;) {
    if (!key.value && !(await key.ask(problem))) throw new ServerError(401, 'No key was entered.');
    const answer = await fetch(path, {...options, headers: {...options.headers, 'x-api-key': key.value}});
    if (answer.status !== 401 && !(answer.status === 403 && key.name === 'master_api_key')) return answer;
    const body = await answer.clone().json().catch(() => ({}));
    if (answer.status === 403 && body.error !== 'Invalid Master API Key') return answer;
    problem = body.error ?? 'This key is not accepted.';
    key.forget();
  }
}

// JSON, or a ServerError that says what the server says.
export async function ask(key, path, options = {}) {
  const answer = await request(key, path, options);
  const body = await answer.json().catch(() => null);
  if (answer.ok) return body;
  const details = (body?.details ?? []).map((one) => `${one.field}: ${one.message}`);
  throw new ServerError(answer.status, [body?.message ?? body?.error ?? `Status ${answer.status}`, ...details].join('\n'), body);
}

export function say(place, text) {
  place.textContent = '';
  // A screen reader notices a change, not the same text again.
  requestAnimationFrame(() => { place.textContent = text; });
}

export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = element('textarea', {readonly: true, class: 'visually-hidden', 'aria-hidden': 'true'});
  field.value = text;
  (document.querySelector('dialog[open]') ?? document.body).append(field);  // outside of an open dialog nothing can be selected
  field.select();
  document.execCommand('copy');
  field.remove();
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const units = ['KB', 'MB', 'GB'];
  let unit = -1;
  do { count /= 1024; ++unit; } while (count >= 1024 && unit < units.length - 1);
  return `${count.toFixed(count < 10 ? 1 : 0)} ${units[unit]}`;
}
