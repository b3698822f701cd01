const s: string = 'žluťoučký 漢字 🐎'; console.log(s.length, s); console.error('ä')
