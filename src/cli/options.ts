import { type Command, InvalidArgumentError, Option } from 'commander'
import { type HighRes, highResModes } from '../crop/tiles.ts'
import type { Box } from '../image/image.ts'
import { type Fit, fits } from '../image/preprocess.ts'
import { type InputGradientVariant, inputGradientVariants } from '../importance/input-gradient.ts'
import { type Method, parseMethod } from '../importance/method.ts'
import type { OpenOptions } from '../load-node.ts'
import type { PromptStyle } from '../mllm.ts'
import { type Device, devices } from '../onnx/session.ts'
import type { LayerList } from '../options.ts'
import { type WeightType, weightTypes } from '../weight-types.ts'

/** The options that `ask` and `look` share, as commander gives them. */
export interface LookFlags extends MapFlags, OpenFlags {
  readonly question?: readonly string[]
  readonly model?: string
  readonly method: Method
  readonly target?: string
  readonly crop: Box | 'auto'
  readonly json?: true
  readonly saveMap?: string
  readonly saveCrop?: string
}

/** `--model`, of every command that opens one. */
export const modelOption = [
  '-m, --model <id|folder>',
  'a checkpoint: its folder, or its id on the hub, ORG/NAME[@REVISION] (default: the demo model)',
] as const

export const methodOption = (): Option =>
  new Option('--method <name>', 'how to find where to look: rel-att, grad-att, pure-grad, or none')
    .argParser(usage(parseMethod))
    .default('rel-att')

/** Adds the arguments and options of `ask` and `look`. */
export function withLookOptions(command: Command): Command {
  command
    .argument('<image>', 'a JPEG, PNG, WebP, AVIF, TIFF or GIF file')
    .argument('[question]', 'what to ask about it')
    .option('-q, --question <text>', 'one more question about the same picture (repeat it)', collect)
    .option(...modelOption)
    .addOption(methodOption())
  withMapOptions(command)
    .option(
      '--target <answer>',
      'with grad-att and pure-grad: the answer to find grounds for (default: the likeliest)',
    )
    .option('--crop <box>', '"auto", or X,Y,W,H in pixels of the picture', usage(parseCrop), 'auto')
  return withOpenOptions(command)
    .option('--json', 'print one JSON object a question, and nothing else')
    .option('--save-map <file.png>', 'write the heat map over the picture, crop drawn')
    .option('--save-crop <file.png>', 'write the crop')
}

/** How maps are made. */
export interface MapFlags {
  readonly layers?: Layers
  readonly connectorLayers?: LayerList
  readonly variant?: InputGradientVariant
  readonly highRes: HighRes
}

export function withMapOptions(command: Command): Command {
  return command
    .option(
      '--layers <list>',
      'layers to read, from 0: "14", "12,14", "10-14", "all", or a file that calibrate wrote',
      usage(parseLayers),
    )
    .option(
      '--connector-layers <list>',
      "the same of a Q-Former's layers that attend to the picture",
      usage(parseLayerList),
    )
    .addOption(
      new Option(
        '--variant <name>',
        "with pure-grad: as in the paper, or in its authors' code (default: paper)",
      ).choices(inputGradientVariants),
    )
    .addOption(
      new Option(
        '--high-res <mode>',
        'map of blocks of at most 1024 pixels; auto: of larger pictures that the model is not shown in full',
      )
        .choices(highResModes)
        .default('auto'),
    )
}

/** How a model is opened. */
export interface OpenFlags {
  readonly prompt: PromptStyle
  readonly fit?: Fit
  readonly maxPixels?: number
  readonly device: Device
  readonly dtype: WeightType
}

export function withOpenOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--prompt <style>', "the paper's prompt, or the checkpoint's chat template")
        .choices(['plain', 'chat'])
        .default('plain'),
    )
    .addOption(
      new Option(
        '--fit <how>',
        'how a picture meets a square input (default: as the checkpoint says)',
      ).choices(fits),
    )
    .option(
      '--max-pixels <n>',
      'the most pixels of a picture, for models that take pictures at their size (default: as the checkpoint says)',
      usage(parsePixels),
    )
    .addOption(deviceOption())
    .addOption(
      new Option('--dtype <name>', 'numbers that the weights are kept in: less memory, coarser')
        .choices(weightTypes)
        .default('f32'),
    )
}

export const deviceOption = (): Option =>
  new Option('--device <name>', 'where to compute').choices(devices).default('cpu')

/** What flags say of how a model is opened, as the library takes it. */
export const openOptions = ({ prompt, device, dtype, fit, maxPixels }: OpenFlags): OpenOptions => ({
  prompt,
  device,
  dtype,
  ...(fit === undefined ? {} : { fit }),
  ...(maxPixels === undefined ? {} : { maxPixels }),
})

export const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text]

/** Turns a parser's errors into commander's, which name the option. */
export function usage<T>(parse: (text: string) => T): (text: string) => T {
  return text => {
    try {
      return parse(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  }
}

/** Far more layers than any model has, few enough to list. */
const maxLayers = 1024

export type Layers = LayerList | { readonly file: string }

const parseLayers = (text: string): Layers => (text.endsWith('.json') ? { file: text } : parseLayerList(text))

function parseLayerList(text: string): LayerList {
  if (text === 'all') return 'all'
  const layers = text.split(',').flatMap(parseRange)
  return [...new Set(layers)]
}

function parseRange(text: string): number[] {
  const match = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(text.trim())
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])]
  if (match === null || to < from || to >= maxLayers) {
    throw new Error(`"${text}" names no layers. Give numbers and ranges such as 12,14-16, or all.`)
  }
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

export function parseCount(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new Error(`"${text}" is not a number from 1 on.`)
}

function parsePixels(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Error(`"${text}" is no number of pixels. Give a whole number such as 1003520.`)
}

function parseCrop(text: string): Box | 'auto' {
  if (text === 'auto') return 'auto'
  const match = /^(\d{1,6}),(\d{1,6}),(\d{1,6}),(\d{1,6})$/.exec(text.replaceAll(' ', ''))
  if (match === null)
    throw new Error(`"${text}" is no box. Give X,Y,W,H in pixels, such as 40,60,336,336, or auto.`)
  const [x, y, width, height] = match.slice(1).map(Number) as [number, number, number, number]
  return { x, y, width, height }
}
