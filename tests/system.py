"""A system of its own for processes that tests start: they have another root, which nobody else sees, above the host's kernel."""

import pathlib
import subprocess


class System:
    """`mount` are words of a shell that put the new root into its place, $root."""

    def __init__(self, root: pathlib.Path, mount):
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", 'echo ready; read -r _'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        self.ready = self.holder.stdout.readline() == "ready\n"
        # A new root and not chroot: who is in one of those may make no user namespaces.
        mounts = f"""
            root='{root}'
            {mount} &&
            for name in proc sys dev; do mount --rbind /$name "$root/$name" || exit; done &&
            mount -t tmpfs run "$root/run" && mount -t tmpfs -o mode=1777 tmp "$root/tmp" &&
            mkdir "$root/run/host" && cd "$root" && pivot_root . run/host && umount -l /run/host"""
        outside = ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "sh", "-c", mounts]
        self.ready = self.ready and subprocess.run(outside, capture_output=True).returncode == 0

    @classmethod
    def above_host(cls, base: pathlib.Path):
        """The host's files under a layer in memory: what is installed is seen by our processes only."""
        for name in ("work", "root"):
            (base / name).mkdir()
        return cls(base / "root", f"""
            mount -t tmpfs layer {base}/work && mkdir {base}/work/upper {base}/work/work &&
            mount -t overlay overlay -o lowerdir=/,upperdir={base}/work/upper,workdir={base}/work/work "$root" """)

    @classmethod
    def in_folder(cls, root: pathlib.Path):
        """The files in a folder, which are changed there."""
        return cls(root, 'mount --bind "$root" "$root"')

    def words(self, *words):
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", *words]

    def run(self, *words, seconds=300, **options):
        return subprocess.run(self.words(*words), capture_output=True, text=True, timeout=seconds, **options)

    def end(self):
        self.holder.communicate("")
