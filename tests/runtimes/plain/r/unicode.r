cat('žluťoučký 漢字 🐎\n'); print('é'); nchar('漢字'); message('ä')
