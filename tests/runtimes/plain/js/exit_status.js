process.stdout.write('before\n'); process.exit(7)
