const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' }

const text = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gs

/**
 * A list of texts as Python prints it, with single or double quotes: ['it', "it's"].
 *
 * @returns null if it is not one
 */
export function parsePythonList(printed: string): string[] | null {
  const inside = /^\s*\[(.*)\]\s*$/s.exec(printed)?.[1]
  // Without its texts, a list of texts is nothing but commas and spaces.
  if (inside === undefined || /[^\s,]/.test(inside.replaceAll(text, ''))) return null
  return Array.from(inside.matchAll(text), ([, single, double]) => unescaped(single ?? double ?? ''))
}

const unescaped = (written: string): string =>
  written.replaceAll(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/gis, (_, byte, unit, character) =>
    character === undefined
      ? String.fromCharCode(Number.parseInt(byte ?? unit, 16))
      : (escapes[character] ?? character),
  )
