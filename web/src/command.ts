import type { Box } from '../../src/web.ts'
import type { How } from './engine.ts'

/** The same question on the command line. */
export function commandOf(
  { name, model }: { readonly name: string; readonly model: string },
  question: string,
  { method, layers }: How,
  crop: Box | null,
): string {
  return [
    'vicrop ask',
    quoted(name),
    quoted(question),
    ...(model === 'demo' ? [] : ['--model', quoted(model)]),
    ...(method === 'rel-att' ? [] : ['--method', method]),
    ...(layers === undefined ? [] : ['--layers', layers.join(',')]),
    ...(crop === null ? [] : ['--crop', `${crop.x},${crop.y},${crop.width},${crop.height}`]),
  ].join(' ')
}

/** As a word of a shell. */
const quoted = (text: string): string =>
  /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
