// What several views of the dashboard show.
import {element} from '../common.js';

export const number = (value, digits = 0) => (value ?? 0).toLocaleString('en', {maximumFractionDigits: digits});
export const percent = (value) => `${number(value, 1)} %`;
export const duration = (milliseconds) => (milliseconds < 1000 ? `${number(milliseconds, milliseconds < 10 ? 1 : 0)} ms` : `${number(milliseconds / 1000, 2)} s`);
export const empty = (text) => element('p', {class: 'empty'}, text);

export function panel(title, ...content) {
  return element('section', {class: 'card panel', 'aria-label': title}, element('div', {class: 'title'}, element('h2', {}, title)), ...content);
}

export function moment(text) {
  if (!text) return 'never';
  return new Date(text).toLocaleString('en', {dateStyle: 'medium', timeStyle: 'short'});
}

// A table that can be scrolled, also with the keyboard.
export function table(label, heads, rows) {
  return element('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label}, element('table', {},
    element('thead', {}, element('tr', {}, heads.map(({name, number: isNumber}) => element('th', {scope: 'col', class: isNumber ? 'number' : ''}, name)))),
    element('tbody', {}, rows)));
}

const colours = {healthy: 'good', degraded: 'warn', unhealthy: 'bad'};
export const badge = (text, colour = colours[text] ?? 'quiet') => element('span', {class: `badge ${colour}`}, text);
