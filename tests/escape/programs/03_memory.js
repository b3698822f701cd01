safe('begun');
const kept = [];
for (let i = 0; i < 48; i++) kept.push(Buffer.alloc(16 << 20, 1));
vulnerable('768 MiB of buffers');
