#!/bin/sh
# The page: counts a visit with the counter service, and shows this version and the count.
read -r version </etc/demo-version

# (wget's own -T crashes in the static busybox.)
if visits=$(timeout 3 wget -q -O - --post-data '' "$COUNTER_URL/cgi-bin/visits"); then
    status='200 OK'
else
    # Said, not hidden: a page without its count is half an application.
    status='503 Service Unavailable'
    visits='unknown, the counter does not answer'
fi

# Each colour is one release, so that an upgrade is seen from across the room.
hue=$((0x$(echo "$version" | sha256sum | cut -c 1-6) % 360))

printf 'Status: %s\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\r\n' "$status"
cat <<PAGE
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Demo $version</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; font: 1.1rem/1.5 system-ui, sans-serif;
         background: Canvas; color: CanvasText; }
  main { padding: 2.5rem 3.5rem; border-radius: 1rem; border-top: .5rem solid hsl($hue 60% 50%);
         box-shadow: 0 .5rem 2rem rgb(0 0 0 / 18%); }
  h1 { margin: 0 0 1rem; font-weight: 600; }
  p { margin: .2rem 0; font-variant-numeric: tabular-nums; }
  small { opacity: .65; }
</style>
</head>
<body>
<main>
<h1>It runs.</h1>
<p>version $version</p>
<p>visits: $visits</p>
<p><small>container $HOSTNAME</small></p>
</main>
</body>
</html>
PAGE
