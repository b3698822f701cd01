import argparse, sys
parser = argparse.ArgumentParser(description="A program")
parser.add_argument("--count", type=int, required=True)
parser.parse_args(["--count", "x"])
