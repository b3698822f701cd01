trap "echo last" EXIT; echo before; exit 7
