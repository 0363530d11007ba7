# Frees the space that runs take: outputs, DVC's cache and run cache, and the work store. What git holds stays.
set -eu
store=${VOICETRAITS_CACHE:-}
if [ -z "$store" ] && [ -x .venv/bin/python ]; then
    store=$(.venv/bin/python -c 'import platformdirs; print(platformdirs.user_cache_path("voicetraits"))')
fi
case "$store" in
    '~') store=$HOME ;;
    '~/'*) store=$HOME/${store#'~/'} ;; # written in quotes; the store expands it as well
esac

for folder in data/raw data/audio data/features data/models data/explanations data/report .dvc/cache .dvc/tmp dvc_plots; do
    [ -e "$folder" ] || continue
    echo "clean: removing $folder ($(du -sh "$folder" | cut -f1))"
    chmod -R u+w "$folder"
    rm -rf "$folder"
done
rm -f data/label_suspects.csv data/metadata.parquet data/review.csv data/splits.csv

# Of the store only its own entries, <kind>/<2 digits>/<key>/SHA256SUMS.json, and what it was writing: VOICETRAITS_CACHE
# may name a folder that holds other things as well.
if [ -d "$store" ]; then
    echo "clean: emptying the work store $store ($(du -sh "$store" | cut -f1))"
    find "$store" -mindepth 4 -maxdepth 4 -name SHA256SUMS.json -path '*/??/*' -exec sh -c '
        for sums in "$@"; do
            entry=$(dirname "$sums")
            case "$(basename "$entry")" in
                *[!0-9a-f]*) ;;
                ????????????????????????????????????????????????????????????????) rm -rf "$entry" ;;
            esac
            rmdir "$(dirname "$entry")" "$(dirname "$(dirname "$entry")")" 2>/dev/null || true
        done' sh {} +
    if [ -d "$store/partial" ]; then
        find "$store/partial" -maxdepth 1 -type f \( -name '*.part' -o -name '*.part.json' -o -name '*.lock' \) -delete
    fi
    if [ -d "$store/aside" ]; then
        find "$store/aside" -mindepth 1 -maxdepth 1 -type d -name '*-????????????????????????????????' -exec rm -rf {} +
    fi
    rmdir "$store/partial" "$store/aside" "$store" 2>/dev/null || true
fi
