const { spawn } = require('child_process');
let made = 0, failed = 0, asked = 600;
for (let i = 0; i < asked; i++) {
  try { const child = spawn('sleep', ['8']); child.on('error', () => failed++); if (child.pid) made++; } catch { failed++; }
}
setTimeout(() => { made < asked ? safe(`spawn refused after ${made}`) : vulnerable(`${made} processes`); process.exit(0); }, 300);
