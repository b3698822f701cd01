const fs = require('fs');
for (const fd of fs.readdirSync('/proc/self/fd')) {
  let link; try { link = fs.readlinkSync(`/proc/self/fd/${fd}`); } catch { continue; }
  for (const path of ['../../../../../etc/shadow', '../../../../../root']) {
    try { fs.closeSync(fs.openSync(`/proc/self/fd/${fd}/${path}`)); vulnerable(`${fd} (${link}) leads to ${path}`); } catch { }
  }
  try { if (fs.fstatSync(+fd).isDirectory() && !link.startsWith('/proc/')) vulnerable(`${fd} is the directory ${link}`); } catch { }
}
safe('done');
