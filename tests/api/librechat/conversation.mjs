// A conversation as LibreChat has it with the server: uploads with axios and form-data, executions with the tools of
// @librechat/agents, downloads with axios. Prints one JSON object with what happened; the pytest beside this file judges it.
//
// argv[2]: { baseUrl, apiKey?, headers?, sendKeyInBody? }. The base address may hold the key; nothing else is configured then.

import { createHash } from 'node:crypto';
import axios from 'axios';
import FormData from 'form-data';

const { baseUrl, apiKey, headers = {}, sendKeyInBody = false, steps } = JSON.parse(process.argv[2]);
process.env.LIBRECHAT_CODE_BASEURL = baseUrl;
for (const name of ['PROXY', 'HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) delete process.env[name];

const { createBashExecutionTool, createCodeExecutionTool, fetchSessionFiles } = await import('@librechat/agents');

const base = baseUrl; // LibreChat joins it with the route as text
const fileHeaders = { ...(apiKey ? { 'X-API-Key': apiKey } : {}), ...headers, 'User-Id': 'user-1', 'User-Agent': 'LibreChat/1.0' };
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function upload(name, bytes) {
  const form = new FormData();
  form.append('kind', 'user');
  form.append('id', 'user-1');
  form.append('file', bytes, name);
  const { data } = await axios.post(`${base}/upload`, form, {
    headers: { ...form.getHeaders(), ...fileHeaders },
    timeout: 120000,
    maxContentLength: Infinity,
    maxBodyLength: Infinity,
  });
  if (data.message !== 'success') throw new Error(`upload: ${JSON.stringify(data)}`);
  return { id: data.files[0].fileId, resource_id: 'user-1', name: data.files[0].filename, storage_session_id: data.storage_session_id, kind: 'user' };
}

async function download(file) {
  const { data, headers: got } = await axios.get(`${base}/download/${file.storage_session_id}/${file.id}?kind=user&id=user-1`, {
    headers: fileHeaders,
    responseType: 'arraybuffer',
    timeout: 15000,
  });
  return { bytes: Buffer.from(data), type: got['content-type'] };
}

async function isFresh(file) {
  const { data } = await axios.get(`${base}/sessions/${file.storage_session_id}/objects/${file.id}?kind=user&id=user-1`, { headers: fileHeaders, timeout: 5000 });
  return Date.now() - new Date(data.lastModified).getTime() < 23 * 3600 * 1000;
}

// What the host remembers of a conversation: a newer file replaces one of the same name.
const known = new Map();
let calls = 0;

const parameters = { ...(sendKeyInBody ? { LIBRECHAT_CODE_API_KEY: apiKey, user_id: 'user-1' } : {}), ...(Object.keys(headers).length ? { authHeaders: headers } : {}) };
const codeTool = createCodeExecutionTool(parameters);
const bashTool = createBashExecutionTool(parameters);

async function call(tool, args) {
  const message = await tool.invoke({ type: 'tool_call', id: `call_${++calls}`, name: tool.name, args, _injected_files: [...known.values()] });
  const files = message.artifact?.files ?? [];
  for (const file of files) {
    known.set(file.name, { id: file.id, resource_id: file.id, name: file.name, storage_session_id: file.storage_session_id ?? message.artifact.session_id, kind: 'user' });
  }
  return { text: message.content, session_id: message.artifact?.session_id, files };
}

const result = {};
try {
  if (steps === 'hello') {
    result.hello = await call(codeTool, { lang: 'py', code: "print('hello')" });
  } else {
    const csv = Buffer.from('month,sales\nJan,10\nFeb,30\nMar,20\n');
    const sales = await upload('sales.csv', csv);
    known.set(sales.name, sales);
    result.uploaded = sales;
    result.fresh = await isFresh(sales);
    result.listed = await fetchSessionFiles(base, sales.storage_session_id, { kind: 'user', id: 'user-1' }, undefined, fileHeaders).catch((e) => String(e));

    result.chart = await call(codeTool, {
      lang: 'py',
      intent: 'Drawing a chart',
      code: `
import hashlib
import matplotlib.pyplot as plt
import pandas as pd

frame = pd.read_csv('/mnt/data/sales.csv')
print('total', frame.sales.sum())
frame.plot.bar(x='month', y='sales')
plt.savefig('/mnt/data/chart.png')
print('sha256', hashlib.sha256(open('/mnt/data/chart.png', 'rb').read()).hexdigest())
`,
    });
    const chart = known.get('chart.png');
    if (chart) {
      const { bytes, type } = await download(chart);
      result.downloaded = { sha256: sha256(bytes), length: bytes.length, magic: bytes.subarray(0, 4).toString('hex'), type };
    }

    result.bash = await call(bashTool, { command: 'wc -l < /mnt/data/sales.csv; ls /mnt/data/chart.png; echo "args: $1 $2"', args: ['one', 'two words'] });
    result.edit = await call(codeTool, { lang: 'py', code: "open('/mnt/data/sales.csv', 'a').write('Apr,40\\n')" });
    result.afterEdit = await call(bashTool, { command: 'tail -1 /mnt/data/sales.csv' });
    result.editedBytes = (await download(known.get('sales.csv'))).bytes.toString();
    result.originalBytes = (await download(sales)).bytes.toString();

    result.nested = await call(bashTool, { command: 'mkdir -p /mnt/data/out/deep && echo nested > /mnt/data/out/deep/n.txt' });
    result.afterNested = await call(codeTool, { lang: 'js', code: "console.log(require('fs').readFileSync('/mnt/data/out/deep/n.txt', 'utf8').trim())" });
    result.failing = await call(codeTool, { lang: 'py', code: "print('before')\nraise ValueError('broken')" });
    result.silent = await call(bashTool, { command: 'true' });
  }
} catch (error) {
  result.error = { name: error.name, message: error.message, status: error.response?.status, cause: error.config?.url?.replace(/\/\/[^@/]*@/, '//…@') };
}
// Timers of finished requests would keep the process for two minutes.
process.stdout.write(JSON.stringify(result) + '\n', () => process.exit(0));
