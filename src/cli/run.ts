import { InvalidArgumentError } from 'commander'
import { decodeImage } from '../image/decode-node.ts'
import type { Image } from '../image/image.ts'
import type { OpenProgress } from '../load.ts'
import { checkQuestion, type LookOptions, type Parts } from '../options.ts'
import type { Answer, Look, Picture } from '../picture.ts'
import { ViCrop } from '../vicrop.ts'
import { namedLayers } from './layers-file.ts'
import { type LookFlags, openOptions } from './options.ts'
import { toJson, toText } from './print.ts'
import { bar, openingLine, type Progress, startProgress } from './progress.ts'
import { checkFiles, saveFiles } from './save.ts'

export interface Job {
  /** The picture, and those that are asked about with it. */
  readonly images: readonly string[]
  readonly question: string | undefined
  readonly flags: LookFlags
  readonly signal: AbortSignal
  /** One question's work: `look` or `ask`. */
  readonly work: (
    pictures: readonly Picture[],
    question: string,
    options: LookOptions,
  ) => Promise<Look | Answer>
}

/** Opens the model, sees each picture once, and does the work for every question, printing each as it is done. */
export async function run({ images, question, flags, signal, work }: Job): Promise<void> {
  const questions = [...(question === undefined ? [] : [question]), ...(flags.question ?? [])]
  if (questions.length === 0) {
    throw new InvalidArgumentError('no question. Give one after the picture, or with --question.')
  }
  questions.forEach(checkQuestion)
  await checkFiles(flags)
  const progress = startProgress('reading the picture')
  try {
    const decoded: Image[] = []
    for (const image of images) decoded.push(await decodeImage(image))
    progress.say('opening the model')
    await using vicrop = await openModel(flags, progress, signal)
    progress.say('encoding the picture')
    const pictures: Picture[] = []
    for (const image of decoded) pictures.push(await vicrop.see(image, { signal, method: flags.method }))
    const layers = await namedLayers(flags, vicrop.layerCount)
    const options: LookOptions = {
      method: flags.method,
      crop: flags.crop,
      signal,
      ...layers,
      ...(flags.target === undefined ? {} : { target: flags.target }),
      ...(flags.variant === undefined ? {} : { variant: flags.variant }),
      highRes: flags.highRes,
    }
    for (const [nth, text] of questions.entries()) {
      const nthOf = questions.length === 1 ? '' : `question ${nth + 1} of ${questions.length}: `
      const onProgress = (stage: string, parts?: Parts): void =>
        progress.say(`${nthOf}${stage}${parts === undefined ? '' : ` ${bar(parts.done, parts.total)}`}`)
      const result = await work(pictures, text, { ...options, onProgress })
      const saved = await saveFiles(decoded[0] as Image, result, flags, nth, questions.length)
      print(flags.json ? toJson(result) : `${nth > 0 ? '\n' : ''}${toText(result, saved)}`, progress)
    }
  } finally {
    progress.stop()
  }
}

function openModel(flags: LookFlags, progress: Progress, signal: AbortSignal): Promise<ViCrop> {
  const onProgress = (done: OpenProgress): void => progress.say(openingLine(done))
  return ViCrop.open(flags.model, { ...openOptions(flags), signal, onProgress })
}

function print(text: string, progress: Progress): void {
  progress.stop()
  process.stdout.write(`${text}\n`)
}
