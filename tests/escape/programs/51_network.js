const net = require('net');
let open = 0;
for (const [host, port] of [['1.1.1.1', 443], ['169.254.169.254', 80], ['127.0.0.1', +process.argv[2]], ['::1', +process.argv[2]]]) {
  open++;
  const socket = net.connect({ host, port, timeout: 1500 });
  const end = (text) => { safe(`${host}: ${text}`); socket.destroy(); };
  socket.on('connect', () => { vulnerable(`connected to ${host}:${port}`); socket.destroy(); });
  socket.on('error', (e) => end(e.code)); socket.on('timeout', () => end('no answer'));
}
