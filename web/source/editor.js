// The editor: CodeMirror inside of a shadow tree. There it puts its styles into style sheet objects, which a page whose policy forbids
// inline styles may do; beside the page's own it would write <style> elements.
import {autocompletion, closeBrackets, closeBracketsKeymap} from '@codemirror/autocomplete';
import {defaultKeymap, history, historyKeymap, indentWithTab} from '@codemirror/commands';
import {HighlightStyle, bracketMatching, indentOnInput, indentUnit, syntaxHighlighting} from '@codemirror/language';
import {Compartment, EditorState, Prec} from '@codemirror/state';
import {EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers} from '@codemirror/view';
import {tags} from '@lezer/highlight';

import {languageOf} from './languages.js';

// Colours come from the page, which knows whether it is dark.
const colours = HighlightStyle.define([
  {tag: [tags.keyword, tags.modifier, tags.operatorKeyword], color: 'var(--keyword)'},
  {tag: [tags.string, tags.special(tags.string), tags.regexp, tags.character], color: 'var(--string)'},
  {tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'var(--number)'},
  {tag: [tags.comment, tags.meta, tags.processingInstruction], color: 'var(--comment)'},
  {tag: [tags.typeName, tags.className, tags.namespace], color: 'var(--type)'},
  {tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.standard(tags.variableName)], color: 'var(--function)'},
]);

const look = EditorView.theme({
  '&': {height: '100%', color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '14px'},
  '&.cm-focused': {outline: '2px solid var(--accent)', outlineOffset: '-2px'},
  '.cm-scroller': {fontFamily: 'var(--code)', lineHeight: '1.55'},
  '.cm-content': {padding: '10px 0', caretColor: 'var(--text)'},
  '.cm-gutters': {backgroundColor: 'var(--surface)', color: 'var(--quiet)', border: 'none', paddingLeft: '4px'},
  '.cm-activeLine, .cm-activeLineGutter': {backgroundColor: 'color-mix(in srgb, var(--accent) 7%, transparent)'},
  '.cm-cursor': {borderLeftColor: 'var(--text)'},
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent)',
  },
  '.cm-tooltip': {backgroundColor: 'var(--surface)', border: '1px solid var(--line)'},
});

// `run` is called on Ctrl+Enter, `changed` after each change of the text.
export function makeEditor(place, {run, changed}) {
  const root = place.attachShadow({mode: 'open'});
  const language = new Compartment();
  // Inside of the shadow tree, since a description must be in the tree of what it describes.
  const note = document.createElement('p');
  note.id = 'note';
  note.hidden = true;
  note.textContent = 'Tab indents. Escape, then Tab leaves the editor. Control and Enter runs the program.';
  root.append(note);
  const view = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      extensions: [
        lineNumbers(), highlightActiveLineGutter(), history(), drawSelection({cursorBlinkRate: matchMedia('(prefers-reduced-motion: reduce)').matches ? 0 : 1200}), indentOnInput(), bracketMatching(), closeBrackets(),
        autocompletion(), highlightActiveLine(), indentUnit.of('    '), syntaxHighlighting(colours), look, language.of([]),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({'aria-label': 'Program', 'aria-describedby': 'note', autocapitalize: 'off', autocorrect: 'off', spellcheck: 'false'}),
        // After Escape, Tab leaves the editor, until another key is pressed. CodeMirror gives people two seconds for that, and does not do it
        // when the Escape also closed the list of completions.
        Prec.highest(EditorView.domEventHandlers({keydown: (event) => { if (event.key === 'Escape') view.setTabFocusMode(30_000); return false; }})),
        keymap.of([
          {key: 'Mod-Enter', run: () => { run(); return true; }},
          ...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, indentWithTab,
        ]),
        EditorView.updateListener.of((update) => { if (update.docChanged) changed(); }),
      ],
    }),
  });
  let wanted = '';
  return {
    get text() { return view.state.doc.toString(); },
    set text(text) { view.dispatch({changes: {from: 0, to: view.state.doc.length, insert: text}}); },
    async setLanguage(code) {
      wanted = code;
      const support = await languageOf(code).load();
      if (wanted === code) view.dispatch({effects: language.reconfigure(support)});
    },
    focus() { view.focus(); },
  };
}
