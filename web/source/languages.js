// What the playground knows of each language: its name, how its source is coloured, and a program to begin with.
import {LanguageSupport, StreamLanguage} from '@codemirror/language';

const legacy = async (module, name) => new LanguageSupport(StreamLanguage.define((await module)[name]));

export const languages = [
  {code: 'py', name: 'Python', load: async () => (await import('@codemirror/lang-python')).python()},
  {code: 'js', name: 'JavaScript', load: async () => (await import('@codemirror/lang-javascript')).javascript()},
  {code: 'ts', name: 'TypeScript', load: async () => (await import('@codemirror/lang-javascript')).javascript({typescript: true})},
  {code: 'bash', name: 'Bash', load: () => legacy(import('@codemirror/legacy-modes/mode/shell'), 'shell')},
  {code: 'java', name: 'Java', load: async () => (await import('@codemirror/lang-java')).java()},
  {code: 'c', name: 'C', load: async () => (await import('@codemirror/lang-cpp')).cpp()},
  {code: 'cpp', name: 'C++', load: async () => (await import('@codemirror/lang-cpp')).cpp()},
  {code: 'go', name: 'Go', load: async () => (await import('@codemirror/lang-go')).go()},
  {code: 'rs', name: 'Rust', load: async () => (await import('@codemirror/lang-rust')).rust()},
  {code: 'php', name: 'PHP', load: async () => (await import('@codemirror/lang-php')).php()},
  {code: 'r', name: 'R', load: () => legacy(import('@codemirror/legacy-modes/mode/r'), 'r')},
  {code: 'f90', name: 'Fortran', load: () => legacy(import('@codemirror/legacy-modes/mode/fortran'), 'fortran')},
  {code: 'd', name: 'D', load: () => legacy(import('@codemirror/legacy-modes/mode/d'), 'd')},
];

export const languageOf = (code) => languages.find((language) => language.code === code) ?? languages[0];
