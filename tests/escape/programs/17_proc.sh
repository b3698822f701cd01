for p in /proc/[0-9]*; do
  [ "$p" = "/proc/$$" ] && continue
  [ "$(awk '/^PPid/{print $2}' "$p/status" 2>/dev/null)" = "$$" ] && continue
  [ -d "$p" ] || continue
  refused "$p environ" sh -c "cat $p/environ 2>/dev/null | tr -d '\\0' | grep -q ."
  refused "$p root" ls "$p/root/"
done
refused "the key of the server in /proc" sh -c 'for f in /proc/[0-9]*/environ; do tr "\0" "\n" < "$f" 2>/dev/null; done | grep -q "^API_KEY="'
