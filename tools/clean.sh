# Frees the space that runs take: outputs, DVC's cache and run cache, and the work store. What git holds stays.
set -eu
store=${VOICETRAITS_CACHE:-}
if [ -z "$store" ] && [ -x .venv/bin/python ]; then
    store=$(.venv/bin/python -c 'import platformdirs; print(platformdirs.user_cache_path("voicetraits"))')
fi
# Of the store only what it made itself: VOICETRAITS_CACHE may name a folder that holds other things as well.
for folder in data/raw data/audio data/features data/models .dvc/cache .dvc/tmp dvc_plots \
    ${store:+"$store/archive" "$store/audio" "$store/demo" "$store/features" "$store/aside" "$store/partial"}; do
    [ -e "$folder" ] || continue
    echo "clean: removing $folder ($(du -sh "$folder" | cut -f1))"
    chmod -R u+w "$folder"
    rm -rf "$folder"
done
if [ -d "$store" ]; then rmdir "$store" 2>/dev/null || true; fi
rm -f data/metadata.parquet data/review.csv data/splits.csv
