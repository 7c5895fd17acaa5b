import { access, constants, stat } from 'node:fs/promises'
import { dirname, extname, sep } from 'node:path'
import { InvalidArgumentError } from 'commander'
import writeFileAtomic from 'write-file-atomic'
import { encodePng } from '../image/decode-node.ts'
import { cropImage, type Image } from '../image/image.ts'
import { enlargedOverlay } from '../image/overlay.ts'
import type { Look } from '../picture.ts'
import type { LookFlags } from './options.ts'

export interface Saved {
  readonly map: string | null
  readonly crop: string | null
}

/** Writes the files that were asked for; each appears complete or not at all. */
export async function saveFiles(
  image: Image,
  look: Look,
  flags: LookFlags,
  nth: number,
  of: number,
): Promise<Saved> {
  const { importance, crop } = look
  const map = importance !== null ? numbered(flags.saveMap, nth, of) : null
  const cropFile = crop !== null ? numbered(flags.saveCrop, nth, of) : null
  if (map !== null && importance !== null) await writePng(map, enlargedOverlay(image, importance, crop))
  if (cropFile !== null && crop !== null) await writePng(cropFile, cropImage(image, crop))
  return { map, crop: cropFile }
}

/** "map.png" of the second of several questions is "map-2.png". */
function numbered(path: string | undefined, nth: number, of: number): string | null {
  if (path === undefined) return null
  const extension = extname(path)
  return of === 1 ? path : `${path.slice(0, path.length - extension.length)}-${nth + 1}${extension}`
}

async function writePng(path: string, image: Image): Promise<void> {
  const bytes = await encodePng(image)
  await writeFileAtomic(path, Buffer.from(bytes)).catch(error => {
    throw unwritable(path, error)
  })
}

async function checkFile(path: string): Promise<void> {
  if (extname(path).toLowerCase() !== '.png') {
    throw new InvalidArgumentError(`${path}: pictures are written as PNG. Name a .png file.`)
  }
  const refuse = (error: NodeJS.ErrnoException): never => {
    throw unwritable(path, error)
  }
  // A file's own access says nothing: it is replaced. The slash makes sure that the folder is one.
  await access(`${dirname(path)}${sep}`, constants.W_OK).catch(refuse)
  const found = await stat(path).catch(() => null)
  if (found?.isDirectory()) throw new InvalidArgumentError(`${path}: is a folder. Name a file in it.`)
}

function unwritable(path: string, error: NodeJS.ErrnoException): Error {
  const reason = error.code ?? error.message
  return new Error(`${path}: cannot be written (${reason}). Does the folder exist, and is there space?`)
}

/** Refuses, before anything is computed, what could not be written in the end. */
export async function checkFiles(flags: LookFlags): Promise<void> {
  for (const path of [flags.saveMap, flags.saveCrop]) if (path !== undefined) await checkFile(path)
  if (flags.saveMap !== undefined && (flags.method === 'none' || flags.crop !== 'auto')) {
    throw new InvalidArgumentError(
      '--save-map: there is no map with --method none or a --crop of your own. Leave one of them out.',
    )
  }
}
