import type { Image } from './image.ts'
import { checkFileSize, checkSize } from './limits.ts'

const formatNames = 'JPEG, PNG, WebP, GIF or AVIF'

/** The numbers as the file has them. */
const asStored = { colorSpaceConversion: 'none', premultiplyAlpha: 'none' } as const

/** Pixels a side of what is read at once: no browser's limits for canvases and textures are lower. */
const tilePx = 2048

/**
 * Reads a picture from an address, a file, or its bytes: its first frame, upright by its EXIF orientation, as RGB.
 *
 * Pixels equal those that Node decodes and Pillow's: colour profiles are not applied, transparency is dropped and not
 * composited, 16-bit channels are scaled to 8. Without WebGL the colours of transparent pixels are lost. There is no TIFF.
 *
 * Throws one sentence: the picture cannot be had, is empty or too large, none that the browser can decode, cut off, or of
 * too many pixels.
 */
export async function decodeImage(source: string | URL | Blob | Uint8Array): Promise<Image> {
  const { blob, name } = await blobOf(source)
  if (blob.size === 0) throw new Error(`${name}: empty file, a ${formatNames} picture was expected`)
  checkFileSize(blob.size, name)
  const bitmap = await createImageBitmap(blob, { ...asStored, imageOrientation: 'from-image' }).catch(
    (cause: Error) => {
      throw new Error(`${name}: not a picture that can be read, or cut off; use ${formatNames}`, { cause })
    },
  )
  try {
    checkSize(bitmap, name)
    return await imageOf(bitmap)
  } finally {
    bitmap.close()
  }
}

async function blobOf(source: string | URL | Blob | Uint8Array): Promise<{ blob: Blob; name: string }> {
  if (source instanceof File) return { blob: source, name: source.name }
  if (source instanceof Blob) return { blob: source, name: 'image' }
  if (source instanceof Uint8Array) return { blob: new Blob([source as BlobPart]), name: 'image' }
  const name = String(source)
  const response = await fetch(source).catch((cause: Error) => {
    throw new Error(`${name}: cannot be reached (${cause.message}), check the address`, { cause })
  })
  if (response.ok) return { blob: await response.blob(), name }
  throw new Error(`${name}: the server answers ${response.status}, check the address`)
}

async function imageOf(bitmap: ImageBitmap): Promise<Image> {
  const { width, height } = bitmap
  const data = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y += tilePx) {
    for (let x = 0; x < width; x += tilePx) {
      const size = [Math.min(tilePx, width - x), Math.min(tilePx, height - y)] as const
      const tile = await createImageBitmap(bitmap, x, y, ...size, asStored)
      const pixels = pixelsOf(tile)
      tile.close()
      copyColours(pixels, size[0], data, (y * width + x) * 3, width)
    }
  }
  return { width, height, data }
}

/** RGBA. A canvas keeps colours multiplied by their opacity, a texture as they are. */
function pixelsOf(tile: ImageBitmap): Uint8ClampedArray | Uint8Array {
  const { width, height } = tile
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D
  context.drawImage(tile, 0, 0)
  const { data } = context.getImageData(0, 0, width, height)
  return isOpaque(data) ? data : (texelsOf(tile) ?? data)
}

function isOpaque(rgba: Uint8ClampedArray): boolean {
  for (let i = 3; i < rgba.length; i += 4) if (rgba[i] !== 255) return false
  return true
}

/** null without WebGL. */
function texelsOf(tile: ImageBitmap): Uint8Array | null {
  const { width, height } = tile
  const gl = new OffscreenCanvas(1, 1).getContext('webgl2')
  if (gl === null) return null
  gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE)
  const texture = gl.createTexture()
  gl.bindTexture(gl.TEXTURE_2D, texture)
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, tile)
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer())
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0)
  const texels = new Uint8Array(width * height * 4)
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, texels)
  const isLost = gl.getError() !== gl.NO_ERROR
  gl.getExtension('WEBGL_lose_context')?.loseContext()
  return isLost ? null : texels
}

/** From RGBA [h,width,4] into a part of RGB that begins at `start`, `stride` pixels a row. */
function copyColours(
  rgba: Uint8ClampedArray | Uint8Array,
  width: number,
  rgb: Uint8Array,
  start: number,
  stride: number,
): void {
  for (let from = 0, row = 0; from < rgba.length; row++) {
    let to = start + row * stride * 3
    for (let x = 0; x < width; x++, from += 4) {
      rgb[to++] = rgba[from] as number
      rgb[to++] = rgba[from + 1] as number
      rgb[to++] = rgba[from + 2] as number
    }
  }
}
