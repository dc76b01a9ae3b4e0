#!/bin/sh
# compress.sh TOOL LEVEL PARTS FILE: how many bytes does a file take, packed in so many parts?
set -eu
tool=$1 level=$2 parts=$3 file=$4
size=$(wc -c <"$file")
part=$(((size + parts - 1) / parts))
bytes=0
at=0
while [ "$at" -lt "$size" ]; do
    packed=$(tail -c +$((at + 1)) "$file" | head -c "$part" | "$tool" "-$level" -c | wc -c)
    bytes=$((bytes + packed))
    at=$((at + part))
done
echo "bytes = $bytes"
echo "largest_part = $part"
