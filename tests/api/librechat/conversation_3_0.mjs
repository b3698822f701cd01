// A conversation as LibreChat had it with @librechat/agents 3.0: one code tool without bash; the key in a header and in the body; the
// user's files given when the tool is made; files of an earlier run found by its session, whose list tells names and no ids. Prints one
// JSON object with what happened; the pytest beside this file judges it.
//
// argv[2]: { baseUrl, apiKey }.

import axios from 'axios';
import FormData from 'form-data';

const { baseUrl, apiKey } = JSON.parse(process.argv[2]);
process.env.LIBRECHAT_CODE_BASEURL = baseUrl;
for (const name of ['PROXY', 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) delete process.env[name];

const { createCodeExecutionTool } = await import('@librechat/agents');

const user = 'user-1';
const fileHeaders = { 'X-API-Key': apiKey, 'User-Id': user, 'User-Agent': 'LibreChat/1.0' };

async function upload(name, bytes, entity) {
  const form = new FormData();
  form.append('file', bytes, name);
  if (entity) form.append('entity_id', entity);
  const { data } = await axios.post(`${baseUrl}/upload`, form, { headers: { ...form.getHeaders(), ...fileHeaders }, maxBodyLength: Infinity });
  if (data.message !== 'success') throw new Error(`upload: ${JSON.stringify(data)}`);
  return `${data.session_id}/${data.files[0].fileId}`; // what it keeps of an upload
}

// Whether the sandbox still has a file, and a reference to it.
async function primed(kept, name) {
  const [session, id] = kept.split('/');
  const { data } = await axios.get(`${baseUrl}/files/${session}?detail=summary`, { headers: fileHeaders, timeout: 5000 });
  const entry = data.find((file) => file.name.startsWith(kept));
  return { fresh: entry !== undefined && Date.now() - new Date(entry.lastModified).getTime() < 23 * 3600 * 1000, reference: { id, session_id: session, name } };
}

async function download(session, id) {
  const { data, headers } = await axios.get(`${baseUrl}/download/${session}/${id}`, { headers: fileHeaders, responseType: 'arraybuffer', timeout: 15000 });
  return { bytes: Buffer.from(data), type: headers['content-type'] };
}

let calls = 0;
async function call(files, args) {
  const tool = createCodeExecutionTool({ user_id: user, files, LIBRECHAT_CODE_API_KEY: apiKey });
  const message = await tool.invoke({ type: 'tool_call', id: `call_${++calls}`, name: tool.name, args });
  return { text: message.content, session_id: message.artifact?.session_id, files: message.artifact?.files ?? [] };
}

const result = {};
try {
  const kept = await upload('sales 2025.csv', Buffer.from('month,sales\nJan,10\nFeb,30\nMar,20\n'));
  const { fresh, reference } = await primed(kept, 'sales_2025.csv');
  result.fresh = fresh;
  result.first = await call([reference], {
    lang: 'py',
    code: `
import matplotlib.pyplot as plt
import pandas as pd
frame = pd.read_csv('/mnt/data/sales_2025.csv')
frame.plot.bar(x='month', y='sales')
plt.savefig('/mnt/data/chart.png')
open('/mnt/data/note.txt', 'w').write('from the first run')
print('total', frame.sales.sum())
`,
  });
  const session = result.first.session_id;
  const chart = result.first.files.find((file) => file.name === 'chart.png');
  if (chart) {
    const { bytes, type } = await download(session, chart.id);
    result.chart = { magic: bytes.subarray(0, 4).toString('hex'), length: bytes.length, type };
  }
  // The model names the session of the answer: the tool lists its files and sends them by name.
  result.again = await call([reference], { lang: 'py', session_id: session, code: "print(open('note.txt').read()); print(open('sales_2025.csv').readline())" });
  result.byNameOnly = await call([], { lang: 'js', session_id: session, code: "const fs = require('fs'); console.log(fs.readFileSync('note.txt', 'utf8'), fs.existsSync('chart.png'), fs.existsSync('sales 2025.csv') || fs.existsSync('sales_2025.csv'))" });
  result.copy = await call([reference], { lang: 'py', session_id: session, code: "open('upper.txt', 'w').write(open('note.txt').read().upper())" });
  const upper = result.copy.files.find((file) => file.name === 'upper.txt');
  result.upper = upper && (await download(result.copy.session_id, upper.id)).bytes.toString();

  // An agent's file has an entity; the agent's runs find it there.
  const agents = await upload('glossary.md', Buffer.from('words\n'), 'agent_77');
  result.agents = await call([(await primed(agents, 'glossary.md')).reference], { lang: 'py', code: "print(open('glossary.md').read())" });

  result.arguments = await call([], { lang: 'py', args: ['one', 'two words'], code: 'import sys; print(sys.argv[1:])' });
  result.failing = await call([], { lang: 'py', code: "print('before')\nraise ValueError('broken')" });
  result.silent = await call([], { lang: 'py', code: 'x = 1' });
} catch (error) {
  result.error = { name: error.name, message: error.message, status: error.response?.status };
}
process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0));
