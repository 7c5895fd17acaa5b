import { appendFile, readFile, rm } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import writeFileAtomic from 'write-file-atomic'
import { attentionRatios, type Calibration, chooseLayers } from '../calibrate.ts'
import type { Picture } from '../picture.ts'
import { ViCrop } from '../vicrop.ts'
import type { LayersFile } from './layers-file.ts'
import { type Located, readLocated } from './located.ts'
import { bar, openingLine, startProgress } from './progress.ts'

export interface CalibrateFlags {
  readonly model?: string
  readonly count: number
  readonly limit?: number
  readonly out?: string
  readonly json?: true
}

/** Measures every layer on every question, and prints and writes which look best. */
export async function runCalibration(
  questionsPath: string,
  flags: CalibrateFlags,
  signal: AbortSignal,
): Promise<void> {
  const asked = (await readLocated(questionsPath)).slice(0, flags.limit)
  const progress = startProgress('opening the model')
  try {
    await using vicrop = await ViCrop.open(flags.model, {
      signal,
      onProgress: done => progress.say(openingLine(done)),
    })
    if (flags.count > vicrop.layerCount) {
      throw new InvalidArgumentError(`--count ${flags.count}: the model has ${vicrop.layerCount} layers.`)
    }
    const kept = await Kept.open(flags.out, flags.model ?? 'demo')
    const measured: (readonly number[])[] = []
    let seen = null as { readonly path: string; readonly picture: Picture } | null
    for (const question of asked) {
      let ratios = kept.find(question)
      if (ratios === undefined) {
        if (seen?.path !== question.picture) {
          seen?.picture.release()
          seen = { path: question.picture, picture: await vicrop.see(question.picture, { signal }) }
        }
        ratios = await attentionRatios(seen.picture, question, { signal })
        await kept.add(question, ratios)
      }
      measured.push(ratios)
      progress.say(`question ${measured.length} of ${asked.length} ${bar(measured.length, asked.length)}`)
    }
    progress.stop()
    const calibration = chooseLayers(measured, flags.count, vicrop.connectorLayerCount)
    const result: LayersFile = { model: flags.model ?? 'demo', layerCount: vicrop.layerCount, ...calibration }
    if (flags.out !== undefined) await writeFileAtomic(flags.out, `${JSON.stringify(result, null, 2)}\n`)
    await kept.close()
    process.stdout.write(`${flags.json ? JSON.stringify(result) : toText(calibration, flags.out)}\n`)
  } finally {
    progress.stop()
  }
}

/** What earlier runs measured: a line a question, appended as it is done, in a file beside the result. */
class Kept {
  readonly #path: string | null
  readonly #model: string
  readonly #rows: Map<string, readonly number[]>

  private constructor(path: string | null, model: string, rows: Map<string, readonly number[]>) {
    this.#path = path
    this.#model = model
    this.#rows = rows
  }

  static async open(out: string | undefined, model: string): Promise<Kept> {
    if (out === undefined) return new Kept(null, model, new Map())
    const path = `${out}.partial.jsonl`
    const text = await readFile(path, 'utf8').catch(() => '')
    return new Kept(path, model, new Map(text.split('\n').flatMap(readRow)))
  }

  #key = (asked: Located): string => JSON.stringify([this.#model, asked])

  find(asked: Located): readonly number[] | undefined {
    return this.#rows.get(this.#key(asked))
  }

  async add(asked: Located, ratios: readonly number[]): Promise<void> {
    if (this.#path !== null) await appendFile(this.#path, `\n${JSON.stringify([this.#key(asked), ratios])}`)
  }

  async close(): Promise<void> {
    if (this.#path !== null) await rm(this.#path, { force: true })
  }
}

/** A line that was cut off when its process was killed counts for nothing. */
function readRow(line: string): [string, readonly number[]][] {
  try {
    const [key, ratios] = JSON.parse(line)
    return [[key, (ratios as (number | null)[]).map(ratio => ratio ?? Number.NaN)]]
  } catch {
    return []
  }
}

/** A bar a layer, the chosen ones marked. */
function toText(
  { layers, connectorLayers, ratios, questions }: Calibration,
  out: string | undefined,
): string {
  const most = Math.max(...ratios)
  const lines = ratios.map((ratio, layer) => {
    const mark = layers.includes(layer) ? '*' : ' '
    const length = Math.round((40 * ratio) / most)
    return `${mark} ${String(layer).padStart(3)}  ${ratio.toFixed(2).padStart(6)}  ${'━'.repeat(length)}`
  })
  const ofConnector = connectorLayers === undefined ? '' : ` --connector-layers ${connectorLayers}`
  const use = out === undefined ? `${layers.join(',')}${ofConnector}` : out
  return [
    `layer  ratio  attention on what was asked about, over chance; ${questions} questions`,
    ...lines,
    `use: --layers ${use}`,
  ].join('\n')
}
