/** Whatever is shown fits a terminal of this width. */
const width = 80

/**
 * Lines of a label and a text, aligned, and wrapped at spaces. A word that is longer than the line, as a web address can
 * be, stands alone on one.
 */
export function toLines(entries: readonly (readonly [label: string, text: string])[], indent = 0): string {
  const margin = Math.max(...entries.map(([label]) => label.length)) + 2
  return entries
    .flatMap(([label, text]) =>
      wrap(text, width - indent - margin).map((line, i) =>
        `${' '.repeat(indent)}${(i === 0 ? label : '').padEnd(margin)}${line}`.trimEnd(),
      ),
    )
    .join('\n')
}

function wrap(text: string, room: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= room)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}
