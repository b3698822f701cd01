async function deep() {
  await null;
  throw new Error('deep');
}
async function middle() {
  await deep();
}
middle().catch((e) => console.log(e.stack.replace(/node:.*/g, 'node')));
