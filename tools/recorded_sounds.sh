# Recordings of what is no speech, from Debian's packages (500 MB): sh tools/recorded_sounds.sh FOLDER
# Then `python src/bench.py refusals --sounds FOLDER` measures on them.
set -eu
if [ $# != 1 ] || [ -e "$1" ]; then
    echo "recorded_sounds: name one folder that does not exist yet" >&2
    exit 1
fi
mkdir -p "$1"
packages=$(mktemp -d)
trap 'rm -r "$packages"' EXIT
folder=$(realpath "$1")

cd "$packages"
apt-get download -qq -o APT::Sandbox::User="$(id -un)" \
    asc-music extremetuxracer-data hedgewars-data torus-trooper-data wesnoth-1.16-music lincity-ng-data sound-icons
for package in *.deb; do
    dpkg-deb -x "$package" .
done
mkdir "$folder/music" "$folder/notes" "$folder/noises"
games=usr/share/games
cp $games/asc/music/*.mp3 $games/etr/music/*.ogg $games/hedgewars/Data/Music/*.ogg \
    $games/torus-trooper/sounds/musics/*.ogg $games/wesnoth/*/data/core/music/*.ogg \
    $games/lincity-ng/music/default/*.ogg "$folder/music"
cp usr/share/sounds/sound-icons/*.wav "$folder/notes"
cp $games/lincity-ng/sounds/*.wav "$folder/noises" # traffic, trains, water, mills, sheep, crowds
