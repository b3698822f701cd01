// What people do with the commands of the set of packages "documents".

#include <array>

#include "bench/cases.h"

namespace ci::bench {

namespace {

constexpr std::string_view docx_program = R"(import subprocess
import docx

document = docx.Document()
document.add_heading('Report {n}')
document.add_paragraph('Some text.')
document.save('report.docx')
subprocess.run(['soffice', '--headless', '--convert-to', 'pdf', 'report.docx'], check=True, stdout=subprocess.DEVNULL)
pages = subprocess.run(['pdftotext', 'report.pdf', '-'], check=True, capture_output=True, text=True).stdout
print(*pages.split())
)";

constexpr std::string_view pandoc_program = R"(import subprocess

subprocess.run(['pandoc', '-o', 'report.docx'], input='# Report {n}\n\n* one\n* two\n', text=True, check=True)
print('made {n}')
)";

constexpr std::string_view tesseract_program = R"(import subprocess
from PIL import Image, ImageDraw, ImageFont

picture = Image.new('L', (900, 90), 255)
ImageDraw.Draw(picture).text((20, 20), 'Report {n}', font=ImageFont.truetype('DejaVuSans.ttf', 40), fill=0)
picture.save('picture.png')
subprocess.run(['tesseract', 'picture.png', 'text'], check=True, capture_output=True)
print(open('text.txt').read().strip())
)";

constexpr std::string_view ffmpeg_program = R"(import subprocess
import numpy as np

frames = (np.arange(50)[:, None, None, None] * 5 + np.zeros((1, 240, 320, 3))).astype(np.uint8)
film = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', '320x240', '-r', '25', '-i', '-', '-pix_fmt', 'yuv420p', 'film.mp4']
subprocess.run(['ffmpeg', '-y', '-v', 'error', *film], input=frames.tobytes(), check=True)
length = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0', 'film.mp4']
print(subprocess.run(['ffprobe', *length], check=True, capture_output=True, text=True).stdout.strip(), {n})
)";

constexpr Case run(std::string_view name, std::string_view source, std::string_view expected, int files) {
  return Case{"documents", name, "py", source, expected, files, false};
}

constexpr auto table = std::to_array<Case>({
    run("docx to pdf", docx_program, "Report {n} Some text.\n", 2),
    run("markdown to docx", pandoc_program, "made {n}\n", 1),
    run("picture to text", tesseract_program, "Report {n}\n", 2),
    run("frames to film", ffmpeg_program, "2.000000 {n}\n", 1),
});

}  // namespace

std::span<const Case> document_cases() { return table; }

}  // namespace ci::bench
