#!/bin/sh
# Publish one message with nothing but redis-cli: publish_redis_cli.sh USER SESSION TEXT
# The contract is docs/events.md. TEXT must not need escaping in JSON.
set -eu
user=$1 session=$2 text=$3
prefix=${MEMORY_PREFIX:-memory} partitions=${MEMORY_PARTITIONS:-8}

# gzip ends with the CRC-32 of what it packed, then its length: 4 bytes each, little-endian.
crc=$(printf %s "$session" | gzip -c | tail -c 8 | od -An -tu1 -N4 |
    awk '{ printf "%.0f", $1 + 256 * ($2 + 256 * ($3 + 256 * $4)) }')
id=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
stamp=$(date +%s%N) # where date knows no nanoseconds, it ends in an N
case $stamp in *N) stamp=${stamp%N}000000000 ;; esac
micros=$((stamp / 1000)) # they order a session

redis-cli -u "${REDIS_URL:-redis://localhost:6379/0}" XADD \
    "$prefix:{$((crc % partitions))}:events" '*' event \
    "{\"type\":\"message\",\"event_id\":\"$id\",\"message_id\":\"$id\",\"created_at\":$micros,\"user_id\":\"$user\",\"session_id\":\"$session\",\"role\":\"user\",\"content\":\"$text\"}"
