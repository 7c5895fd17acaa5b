import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from 'vitest'
import { ViCrop } from '../../src/index.ts'
import { modelPath, picturePath, relativeError } from '../models/fixtures.ts'
import { temporaryFolder } from '../weights/temporary.ts'
import { usePage, withoutBrowser } from './browser.ts'
import { forget, keptIn, opening } from './opening.ts'
import type { UnderTest } from './page/page.ts'
import { sendFile } from './server.ts'

declare const vicrop: UnderTest

const demo = fileURLToPath(new URL('../../demo/model', import.meta.url))
const weights = `${demo}/model.safetensors`
const question = 'What is the colour of the small sign?'

describe.skipIf(withoutBrowser !== null)('a checkpoint', { timeout: 120_000 }, () => {
  const opened = usePage()

  /** Nothing is kept of an earlier test, and all files are served as they are. */
  beforeEach(async () => {
    const { page, site, errors } = opened()
    await forget(page)
    site.intercept = () => false
    errors.length = 0
  })

  const open = (model?: string, abortAt?: number) => opening(opened().page, model, abortAt)
  const kept = () => keptIn(opened().page)

  it.each(['half', 'bfloat', 'sharded'] as const)('%s is read as Node reads it', async name => {
    await using inNode = await ViCrop.open(modelPath(name), { cacheFolder: temporaryFolder() })
    using picture = await inNode.see(picturePath('wide'))
    const expected = await picture.ask(question)
    const found = await opened().page.evaluate(
      async ({ name, question }) => {
        const opened = await vicrop.ViCrop.open(`./test/fixtures/llava/${name}/model/`)
        const picture = await opened.see('/test/fixtures/llava/pictures/wide.png')
        const { answer, crop, importance } = await picture.ask(question)
        await opened.release()
        return { answer, crop, map: [...(importance?.values ?? [])] }
      },
      { name, question },
    )
    expect(found).toMatchObject({ answer: expected.answer, crop: expected.crop })
    expect(relativeError(Float32Array.from(found.map), expected.importance!.values)).toBeLessThan(1e-4)
    // Whether there is a single file is found out by asking for it.
    expect(opened().errors).toEqual(name === 'sharded' ? [expect.stringContaining('404')] : [])
  })

  it('is downloaded once, with progress, and kept', async () => {
    const { size } = statSync(weights)
    const { error, progress } = await open()
    expect(error).toBeNull()
    expect(progress.at(-1)).toEqual({ stage: 'downloading', doneBytes: size, totalBytes: size })
    expect(await kept()).toEqual([size])
    expect(await open()).toEqual({ error: null, progress: [] })
    expect(opened().errors).toEqual([])
  })

  it('is downloaded again when it has changed, and the old one goes', async () => {
    await open()
    const changed = join(temporaryFolder(), 'model.safetensors')
    const bytes = readFileSync(weights)
    bytes[bytes.length - 1] = ~bytes[bytes.length - 1]!
    writeFileSync(changed, bytes)
    opened().site.intercept = (request, response) => {
      if (!request.url?.endsWith('model.safetensors')) return false
      sendFile(changed, request, response)
      return true
    }
    const { error, progress } = await open()
    expect(error).toBeNull()
    expect(progress.at(-1)?.doneBytes).toBe(bytes.length)
    expect(await kept()).toEqual([bytes.length])
  })

  it('that the server says nothing of is not kept', async () => {
    opened().site.intercept = (request, response) => {
      if (!request.url?.endsWith('model.safetensors')) return false
      response.setHeader('content-length', statSync(weights).size)
      response.end(readFileSync(weights))
      return true
    }
    expect((await open()).error).toBeNull()
    expect(await kept()).toEqual([])
  })

  it('that comes to nothing is refused, and nothing of it kept', async () => {
    const { site } = opened()
    const bytes = readFileSync(weights)
    const withHeader = (length: bigint): Uint8Array => {
      const copy = Buffer.from(bytes)
      copy.writeBigUInt64LE(length)
      return copy
    }
    const serving = async (content: Uint8Array, length = content.length): Promise<string | null> => {
      site.intercept = (request, response) => {
        if (!request.url?.endsWith('model.safetensors')) return false
        response.setHeader('etag', '"broken"')
        response.writeHead(200, { 'content-length': length })
        if (length === content.length) response.end(content)
        else response.write(content, () => response.destroy())
        return true
      }
      return (await open()).error
    }
    expect(await serving(bytes.subarray(0, 3_000_000))).toMatchInlineSnapshot(
      `"model.safetensors: tensor "vision_tower.vision_model.encoder.layers.0.mlp.fc2.weight" ends at byte 3139360 of the data, but the file holds 2981752; the file is damaged, download it again."`,
    )
    expect(await serving(withHeader(2n ** 60n))).toMatchInlineSnapshot(
      `"model.safetensors: states a header of 1152921504606846976 bytes, more than the format's 100000000; it is damaged or no safetensors file, download it again."`,
    )
    expect(await serving(withHeader(90_000_000n))).toMatchInlineSnapshot(
      `"model.safetensors: states a header of 90000000 bytes, but ends after 5832840; the file is damaged, download it again."`,
    )
    expect(await serving(Buffer.from('version https://git-lfs.github.com/spec/v1\n'))).toMatchInlineSnapshot(
      `"model.safetensors: is a Git LFS pointer, not the file itself; run "git lfs pull" in its folder."`,
    )
    expect(await serving(bytes.subarray(0, 3_000_000), bytes.length)).toMatchInlineSnapshot(
      `"model.safetensors: the download broke off (network error); check the connection, and open the model again."`,
    )
    expect(await serving(bytes.subarray(0, 9), bytes.length)).toMatchInlineSnapshot(
      `"model.safetensors: the download broke off (network error); check the connection, and open the model again."`,
    )
    expect(await kept()).toEqual([])
  })

  it('at a wrong address is refused in one sentence', async () => {
    const { site } = opened()
    const errorOf = async (model: string): Promise<string> =>
      `${(await open(model)).error}`.replaceAll(site.origin, 'ORIGIN')
    expect(await errorOf('/no/such/folder/')).toMatchInlineSnapshot(
      `"ORIGIN/no/such/folder/: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained."`,
    )
    expect(await errorOf('http://localhost:1/model')).toMatchInlineSnapshot(
      `"http://localhost:1/model/config.json: cannot be reached (Failed to fetch); check the address, and that its server lets pages of other sites read it (CORS)."`,
    )
    expect(await errorOf('nobody')).toMatchInlineSnapshot(
      `""nobody": is neither the address of a folder nor a model id; give the address of a folder or "org/name[@revision]"."`,
    )
    site.intercept = (_, response) => {
      response.writeHead(503).end()
      return true
    }
    expect(await errorOf('/demo/model')).toMatchInlineSnapshot(
      `"ORIGIN/demo/model/config.json: the server answers 503; try again later."`,
    )
    site.intercept = (_, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>An application</h1>')
      return true
    }
    expect(await errorOf('/demo/model')).toMatchInlineSnapshot(
      `"ORIGIN/demo/model: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained."`,
    )
  })

  it('whose opening is aborted ends with the reason, keeps nothing, and opens the next time', async () => {
    const { site } = opened()
    const bytes = readFileSync(weights)
    site.intercept = (request, response) => {
      if (!request.url?.endsWith('model.safetensors')) return false
      response.writeHead(200, { 'content-length': bytes.length, etag: '"never ends"' })
      response.write(bytes.subarray(0, bytes.length / 2))
      return true
    }
    const { error, progress } = await open('/demo/model', 1)
    expect(error).toBe('changed my mind')
    expect(progress[0]?.totalBytes).toBe(bytes.length)
    expect(await kept()).toEqual([])
    site.intercept = () => false
    expect((await open()).error).toBeNull()
  })

  it('of the hub is read from the commit that its revision stands for', async () => {
    const { context, errors } = opened()
    const commit = 'c0ffee'.padEnd(40, '0')
    const files = ['config.json', 'generation_config.json', 'model.safetensors', 'preprocessor_config.json']
    const listing = {
      sha: commit,
      siblings: [...files, 'tokenizer.json', 'tokenizer_config.json'].map(rfilename => ({ rfilename })),
    }
    const asked: string[] = []
    const allowed = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' }
    await context.route('https://huggingface.co/**', route => {
      const { pathname } = new URL(route.request().url())
      asked.push(pathname)
      if (pathname.startsWith('/api/')) return route.fulfill({ json: listing, headers: allowed })
      const path = `${demo}/${pathname.split('/').at(-1)}`
      return route.fulfill({ path, headers: { ...allowed, etag: '"one"' } })
    })
    expect((await open('org/demo@v1')).error).toBeNull()
    expect(asked.shift()).toBe('/api/models/org/demo/revision/v1')
    expect(asked.every(path => path.startsWith(`/org/demo/resolve/${commit}/`))).toBe(true)
    expect(errors).toEqual([])
  })

  it('of files that were picked opens, in a folder or one by one, and says what is missing', async () => {
    const { page, errors } = opened()
    const openPicked = (isFolder: boolean, chosen: string | string[]) => {
      const picking = page.evaluate(async isFolder => {
        const input = Object.assign(document.createElement('input'), {
          type: 'file',
          multiple: true,
          webkitdirectory: isFolder,
        })
        document.body.replaceChildren(input)
        await new Promise(resolve => input.addEventListener('change', resolve))
        const error = await vicrop.ViCrop.open(input.files as FileList).then(
          async opened => {
            await opened.release()
            return null
          },
          (error: Error) => error.message,
        )
        return error
      }, isFolder)
      return page
        .locator('input')
        .setInputFiles(chosen)
        .then(() => picking)
    }
    const files = ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'model.safetensors']
    const paths = files.map(name => `${demo}/${name}`)
    expect(await openPicked(true, demo)).toBeNull()
    expect(await openPicked(false, paths)).toBeNull()
    expect(await openPicked(false, paths.slice(1))).toMatchInlineSnapshot(
      `"what was chosen: has no config.json, so it is not a checkpoint; give a folder written by save_pretrained."`,
    )
    expect(await openPicked(false, paths.slice(0, 3))).toMatchInlineSnapshot(
      `"what was chosen: has neither model.safetensors nor model.safetensors.index.json; weights are read as safetensors alone."`,
    )
    expect(errors).toEqual([])
  })

  it('is opened for a device that there is, and a prompt that it has', async () => {
    const messages = await opened().page.evaluate(async () => {
      const { ViCrop } = vicrop
      const messageOf = (work: Promise<unknown>) => work.then(String, (error: Error) => error.message)
      const opened = await ViCrop.open('/demo/model', { prompt: 'chat' })
      const picture = await opened.see('/demo/pictures/003.webp')
      return [
        await messageOf(ViCrop.open('/demo/model', { device: 'cuda' as never })),
        await messageOf(ViCrop.open('/demo/model', { device: 'webgpu' })),
        await messageOf(picture.ask('What is the date on the form?')),
        await messageOf(opened.see(new ImageData(2, 3) as never)),
      ]
    })
    expect(messages).toMatchInlineSnapshot(`
      [
        "device: "cuda" is not available; available: cpu, webgpu",
        "device webgpu: there is no graphics adapter that can be used, or the files of onnxruntime-web are not served with the page. Use device cpu, or another browser. (Error: Failed to get GPU adapter. You may need to enable flag "--enable-unsafe-webgpu" if you are using Chrome.)",
        "this checkpoint has no chat template. Use the plain prompt instead.",
        "image: 2x3 pixels have 18 bytes, found 24. Give red, green and blue, a byte each, or the picture's file.",
      ]
    `)
  })
})
