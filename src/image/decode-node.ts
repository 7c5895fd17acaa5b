import { readFile, stat } from 'node:fs/promises'
import sharp, { type Metadata, type Sharp } from 'sharp'
import type { Image } from './image.ts'
import { checkFileSize, checkSize } from './limits.ts'

/** Formats of pictures made of pixels. SVG is left out: it is a program for a renderer. */
const formats = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'heif']
const formatNames = 'JPEG, PNG, WebP, GIF, TIFF or AVIF'

/**
 * Reads a picture from a path or from the bytes of a file: its first frame, upright by its EXIF orientation, as RGB.
 *
 * Pixels equal Pillow's `ImageOps.exif_transpose(image).convert('RGB')`, which is what the reference feeds its models:
 * colour profiles are not applied, transparency is dropped and not composited, CMYK is converted without a profile.
 * One deliberate difference: 16-bit grey is scaled to 8 bits, where Pillow clips it to white. AVIF, TIFF and lossy
 * WebP depend on each library's decoder.
 *
 * Throws one sentence: the file is missing, a folder, empty or too large, not a picture, cut off, or of too many pixels
 * (found in the header, before anything is decoded).
 */
export async function decodeImage(source: string | Uint8Array): Promise<Image> {
  const name = typeof source === 'string' ? source : 'image'
  const bytes = typeof source === 'string' ? await readPicture(source) : source
  if (bytes.length === 0) throw new Error(`${name}: empty file, a ${formatNames} picture was expected`)
  const metadata = await readHeader(bytes, name)
  checkSize(metadata, name)
  return metadata.space === 'cmyk' ? decodeCmyk(bytes, name) : decodeRgb(bytes, name)
}

export async function encodePng(image: Image): Promise<Uint8Array> {
  const raw = { width: image.width, height: image.height, channels: 3 } as const
  return new Uint8Array(await sharp(image.data, { raw }).png().toBuffer())
}

/** For who takes pictures over the network: a small loss that nobody sees, colours as sharp as the rest. */
export async function encodeJpeg(image: Image): Promise<Uint8Array> {
  const raw = { width: image.width, height: image.height, channels: 3 } as const
  return sharp(image.data, { raw }).jpeg({ quality: 95, chromaSubsampling: '4:4:4' }).toBuffer()
}

/** The file of a picture, unless it is none, or too large. */
export async function readPicture(path: string): Promise<Uint8Array> {
  const unreadable = (cause: NodeJS.ErrnoException): never => {
    const found = cause.code === 'ENOENT' ? 'no such file' : `cannot be read (${cause.code})`
    throw new Error(`${path}: ${found}, check the path`, { cause })
  }
  const file = await stat(path).catch(unreadable)
  if (!file.isFile()) {
    throw new Error(`${path}: is a ${file.isDirectory() ? 'folder' : 'device'}, give a picture file`)
  }
  checkFileSize(file.size, path)
  return readFile(path).catch(unreadable)
}

async function readHeader(bytes: Uint8Array, name: string): Promise<Metadata> {
  const metadata = await open(bytes)
    .metadata()
    .catch((cause: Error) => {
      throw new Error(`${name}: not a picture that can be read, use ${formatNames} (${reason(cause)})`, {
        cause,
      })
    })
  if (!formats.includes(metadata.format)) {
    throw new Error(`${name}: is ${metadata.format.toUpperCase()}, use ${formatNames}`)
  }
  return metadata
}

/** `ignoreIcc` and `failOn`: see `decodeImage`. The latter refuses files cut off, not every oddity of a header. */
const open = (bytes: Uint8Array): Sharp =>
  sharp(bytes, { ignoreIcc: true, failOn: 'error', limitInputPixels: false })

async function decodeRgb(bytes: Uint8Array, name: string): Promise<Image> {
  return pixelsOf(open(bytes).autoOrient().removeAlpha().toColourspace('srgb'), name)
}

async function decodeCmyk(bytes: Uint8Array, name: string): Promise<Image> {
  const inks = open(bytes).autoOrient().removeAlpha().pipelineColourspace('cmyk').toColourspace('cmyk')
  const { width, height, data } = await pixelsOf(inks, name)
  const rgb = new Uint8ClampedArray(width * height * 3)
  for (let from = 0, to = 0; from < data.length; from += 4) {
    const light = 255 - data[from + 3]!
    for (let ink = 0; ink < 3; ink++) rgb[to++] = light - productOfBytes(data[from + ink]!, light)
  }
  return { width, height, data: new Uint8Array(rgb.buffer) }
}

/** a * b / 255 rounded, as Pillow computes it. */
function productOfBytes(a: number, b: number): number {
  const product = a * b + 128
  return ((product >> 8) + product) >> 8
}

async function pixelsOf(picture: Sharp, name: string): Promise<Image> {
  const { data, info } = await picture
    .raw()
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw new Error(`${name}: damaged or cut off, get the file again (${reason(cause)})`, { cause })
    })
  return {
    width: info.width,
    height: info.height,
    data: new Uint8Array(data.buffer, data.byteOffset, data.length),
  }
}

const reason = (error: Error): string => error.message.split('\n', 1)[0]!
