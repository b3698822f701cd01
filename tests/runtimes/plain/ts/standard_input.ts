import * as readline from 'readline';
const lines = readline.createInterface({input: process.stdin});
lines.on('line', (l: string) => console.log(l)).on('close', () => console.log('end'));
