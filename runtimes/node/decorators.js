'use strict';
// Decorators were there before the standard had some, and before TypeScript 5 there were no others. Since then tsc wants to be asked for the
// old ones (experimentalDecorators), in a file that programs here do not have; so what a program says tells which it was written for.
const fs = require('fs');
const path = require('path');

// (target, key: string, descriptor) and the like.
const old =
  /\b(Typed)?PropertyDescriptor\b|\bpropertyKey\b|\breflect-metadata\b|\(\s*_?target\b[^,()]*,\s*\w+\s*(:\s*(string|symbol|PropertyKey)\b|:[^,()]*,|,)/;
const standard = /DecoratorContext\b/;

// Files of the program that it imports, where its decorators may be.
function imported(text, fileName) {
  const found = [];
  for (const [, name] of text.matchAll(/(?:\bfrom|\bimport|\brequire\s*\()\s*['"](\.{1,2}\/[^'"]+)['"]/g)) {
    const file = path.resolve(path.dirname(fileName), name);
    for (const candidate of [file, `${file}.ts`, file.replace(/\.js$/, '.ts'), `${file}/index.ts`]) {
      try {
        found.push(fs.readFileSync(candidate, 'utf8'));
        break;
      } catch {
        continue; // not under that name
      }
    }
  }
  return found.join('\n');
}

// There are none of the standard.
function decoratesParameters(ts, text, fileName) {
  const visit = (node) => (ts.isParameter(node) && ts.getDecorators(node)?.length > 0) || ts.forEachChild(node, visit) === true;
  return /[(,]\s*@/.test(text) && visit(ts.createSourceFile(fileName, text, ts.ScriptTarget.ES2022));
}

exports.usesOldDecorators = (ts, text, fileName) => {
  if (Number.parseInt(ts.version) < 5) return true;
  if (!text.includes('@')) return false;
  if (old.test(text) || decoratesParameters(ts, text, fileName)) return !standard.test(text);
  if (standard.test(text)) return false;
  const others = imported(text, fileName);
  return old.test(others) && !standard.test(others);
};
