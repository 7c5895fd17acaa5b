import type { Answer, Look } from '../picture.ts'
import { plainMap, roundedTimings } from '../plain.ts'
import type { Timings } from '../timer.ts'
import type { Saved } from './save.ts'

/** The JSON object of one question: the keys of the library's result, with the map's values as plain numbers. */
export const toJson = (look: Look | Answer): string =>
  JSON.stringify({
    ...look,
    ...asPlain(look),
    ...('others' in look && { others: look.others.map(other => ({ ...other, ...asPlain(other) })) }),
  })

const asPlain = ({ importance, timings }: Look) => ({
  importance: importance && plainMap(importance),
  timings: roundedTimings(timings),
})

/** A few aligned lines for one question. */
export function toText(look: Look | Answer, saved: Saved): string {
  const lines: [label: string, text: string][] = [['question', look.question]]
  const others = 'others' in look ? look.others : []
  const hasCrop = [look, ...others].some(({ crop }) => crop !== null)
  if ('plainAnswer' in look) lines.push(['plain answer', look.plainAnswer])
  if (look.method !== 'none' || hasCrop) lines.push(['crop', describeCrop(look)])
  if (look.method !== 'none')
    for (const [i, other] of others.entries()) lines.push([`of picture ${i + 2}`, describeCrop(other)])
  if ('answer' in look && hasCrop)
    lines.push([others.length === 0 ? 'with the crop' : 'with the crops', look.answer])
  if (saved.map !== null) lines.push(['map', saved.map])
  if (saved.crop !== null) lines.push(['crop saved', saved.crop])
  lines.push(['time', describeTime([look, ...others].map(({ timings }) => timings))])
  return labelled(lines)
}

/** Lines of a label and a text, the texts aligned. */
export function labelled(lines: readonly (readonly [label: string, text: string])[]): string {
  const width = Math.max(...lines.map(([label]) => label.length))
  return lines.map(([label, text]) => `${label.padEnd(width)}  ${oneLine(text)}`).join('\n')
}

/** The width that every terminal has. */
const terminalWidth = 80

/** The same, with texts that are too long for a terminal in several lines, as far as their words allow. */
export function labelledWithin(
  lines: readonly (readonly [label: string, text: string])[],
  indent = 0,
): string {
  const width = Math.max(...lines.map(([label]) => label.length))
  const room = terminalWidth - indent - width - 2
  const narrow = lines.flatMap(([label, text]) =>
    wrapped(oneLine(text), room).map((line, i) => [i === 0 ? label : '', line] as const),
  )
  return labelled(narrow).replaceAll(/^/gm, ' '.repeat(indent))
}

/** A text in lines of at most `width` characters, as far as its words allow. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** A whole number with commas between thousands. */
export const grouped = (count: number): string => count.toLocaleString('en-US')

/** Bytes in the unit that leaves one to three digits before the point. */
export function byteText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const
  const step = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${step === 0 ? bytes : (bytes / 1000 ** step).toFixed(1)} ${units[step]}`
}

/** Text from a model or a file for a terminal: line breaks as spaces, and nothing that a terminal obeys. */
export const oneLine = (text: string): string =>
  text
    .replaceAll(/\s*[\n\r\u2028\u2029]\s*/g, ' ')
    .replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '\ufffd')

function describeCrop(look: Look): string {
  const { crop, cropReason, importance } = look
  const how = importance === null ? 'as given' : describeMap(look)
  if (crop === null) return `none: ${cropReason} (${how})`
  return `${crop.x},${crop.y} ${crop.width}x${crop.height} (${how})`
}

function describeMap({ method, layers, connectorLayers, variant, blocks }: Look): string {
  const parts: string[] = [method]
  if (layers.length > 0) parts.push(`layer ${layers.join(', ')}`)
  if (connectorLayers.length > 0) parts.push(`connector layer ${connectorLayers.join(', ')}`)
  if (variant !== null) parts.push(`variant ${variant}`)
  if (blocks !== null) parts.push(`${blocks.columns} x ${blocks.rows} blocks`)
  return parts.join(', ')
}

/** @param all of each picture */
function describeTime(all: readonly Timings[]): string {
  const sums: Record<string, number> = {}
  for (const [name, ms] of all.flatMap(timings => Object.entries(timings)))
    sums[name] = (sums[name] ?? 0) + ms
  const { totalMs = 0, ...stages } = sums
  const parts = Object.entries(stages).map(([name, ms]) => `${stageNames[name] ?? name} ${seconds(ms)}`)
  return `${seconds(totalMs + (stages.encodeMs ?? 0))} s (${parts.join(', ')})`
}

const stageNames: Readonly<Record<string, string>> = {
  encodeMs: 'picture',
  plainAnswerMs: 'plain answer',
  encodeBlocksMs: 'blocks',
  mapMs: 'map',
  encodeCropMs: 'crop',
  answerMs: 'answer',
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2)
