#!/bin/sh
# A running `vicrop serve`, asked by curl: the answer, and where the model looked.
# Usage: sh examples/curl.sh [http://127.0.0.1:8088]
set -eu
server=${1:-http://127.0.0.1:8088}
picture=$(base64 < demo/pictures/003.webp | tr -d '\n')

curl --fail-with-body --silent --show-error "$server/v1/chat/completions" --json @- <<END
{
  "model": "demo",
  "messages": [{ "role": "user", "content": [
    { "type": "image_url", "image_url": { "url": "data:image/webp;base64,$picture" } },
    { "type": "text", "text": "What is the date on the form?" }
  ] }]
}
END
echo
