// The same request for other programs, and a program in the fragment of an address.

const base64 = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const pass = async (bytes, through) => new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(through)).arrayBuffer());

// The part behind # goes to no server.
export async function toFragment({lang, code}) {
  const packed = await pass(new TextEncoder().encode(code), new CompressionStream('deflate-raw'));
  let text = '';
  for (let begin = 0; begin < packed.length; begin += 3072) text += base64(packed.subarray(begin, begin + 3072));
  return `#lang=${encodeURIComponent(lang)}&code=${text}`;
}

// Null when there is no program in it, or only a part of one.
export async function fromFragment(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  if (!fields.has('code')) return null;
  try {
    const text = atob(fields.get('code').replace(/-/g, '+').replace(/_/g, '/'));
    const unpacked = await pass(Uint8Array.from(text, (letter) => letter.charCodeAt(0)), new DecompressionStream('deflate-raw'));
    return {lang: fields.get('lang') ?? 'py', code: new TextDecoder('utf-8', {fatal: true}).decode(unpacked)};
  } catch {
    return null;
  }
}

const shellQuoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export const snippets = {
  curl: (origin, body) => `curl -s ${origin}/exec -H "x-api-key: $KUBECODERUN_API_KEY" -H 'content-type: application/json' \\
  -d ${shellQuoted(JSON.stringify(body))}
`,
  python: (origin, body) => `import json
import os
import urllib.request

body = json.loads(${JSON.stringify(JSON.stringify(body))})
request = urllib.request.Request(
    ${JSON.stringify(`${origin}/exec`)},
    data=json.dumps(body).encode(),
    headers={"x-api-key": os.environ["KUBECODERUN_API_KEY"], "content-type": "application/json"},
)
with urllib.request.urlopen(request) as answer:
    result = json.load(answer)
print(result["stdout"], end="")
print(result["stderr"], end="")
`,
  javascript: (origin, body) => `const answer = await fetch(${JSON.stringify(`${origin}/exec`)}, {
  method: 'POST',
  headers: {'x-api-key': process.env.KUBECODERUN_API_KEY, 'content-type': 'application/json'},
  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll('\n', '\n  ')}),
});
const result = await answer.json();
console.log(result.stdout, result.stderr);
`,
};
