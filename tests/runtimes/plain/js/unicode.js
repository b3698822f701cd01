console.log('žluťoučký 漢字 🐎'); console.error('ä')
