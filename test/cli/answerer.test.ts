import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { describe, expect, it } from 'vitest'
import type { Row } from '../../src/bench/run/row.ts'
import { type Asked, says, serve } from './endpoint.ts'
import { type Ended, folderOfFile, vicrop } from './vicrop.ts'

const root = folderOfFile()
const newFolder = (): string => mkdtempSync(join(root, 'out-'))

const run = (out: string, url: string, args: readonly string[] = []): Promise<Ended> =>
  vicrop(
    [
      'bench',
      'run',
      'demo',
      '--out',
      out,
      '--answerer',
      url,
      '--answerer-model',
      'big',
      '--limit',
      '6',
      ...args,
    ],
    { env: { VICROP_ANSWERER_KEY: 'secret' } },
  )

const rowsOf = (out: string): Row[] =>
  readFileSync(join(out, 'rows.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))

const sizeOf = async (picture: Buffer | undefined) => {
  const { width, height, format } = await sharp(picture).metadata()
  return { width, height, format }
}

describe('vicrop bench run --answerer', () => {
  it('has the answers of the endpoint, from the picture and from the crop that the model chose', async () => {
    const { url, asked } = await serve(({ pictures }) => says(` ${pictures.length} pictures\n`))
    const out = newFolder()
    const { status, stderr } = await run(out, url, ['--limit', '1'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    const [plain, cropped] = rowsOf(out) as [Row, Row]
    expect(plain).toMatchObject({
      way: { method: 'none', answerer: 'big' },
      answer: '1 pictures',
      crop: null,
    })
    expect(cropped).toMatchObject({ way: { method: 'rel-att', answerer: 'big' }, answer: '2 pictures' })
    expect(cropped.map?.levels).not.toBe('')
    // Both are on their way at once, and either may come first.
    const [first, second] = asked.toSorted((a, b) => a.pictures.length - b.pictures.length) as [Asked, Asked]
    expect(first).toMatchObject({ path: '/v1/chat/completions', key: 'Bearer secret', model: 'big' })
    expect(second.text).toBe(`${plain.question.question}\nAnswer the question using a single word or phrase.`)
    const jpeg = { format: 'jpeg' }
    expect(await sizeOf(second.pictures[0])).toEqual({ ...plain.image, ...jpeg })
    const { width, height } = cropped.crop ?? {}
    expect(await sizeOf(second.pictures[1])).toEqual({ width, height, ...jpeg })
    const [file] = readdirSync(join(out, 'runs'))
    expect(JSON.parse(readFileSync(join(out, 'runs', file as string), 'utf8')).answerer).toBe(url)
  })

  it('is another way than the answers of the model itself', async () => {
    const { url } = await serve(() => says('x'))
    const out = newFolder()
    await run(out, url)
    const { stdout } = await vicrop(['bench', 'run', 'demo', '--out', out, '--limit', '6'])
    expect(stdout).toContain('12 answers: 12 now, 0 before')
    expect((await run(out, url)).stdout).toContain('12 answers: 0 now, 12 before')
  })

  it('asks again what came too soon or failed on the way', async () => {
    const { url, asked } = await serve((_, nth) => {
      if (nth === 0) return { status: 429, body: {}, headers: { 'retry-after': '1' } }
      if (nth === 1) return { status: 502, body: 'no gateway' }
      return says('x')
    })
    const out = newFolder()
    const start = Date.now()
    expect((await run(out, url, ['--limit', '1', '--methods', 'none'])).status).toBe(0)
    expect(Date.now() - start).toBeGreaterThan(1000)
    expect(asked).toHaveLength(3)
    expect(rowsOf(out)).toHaveLength(1)
  })

  it('asks several at once, and no more than it may', async () => {
    const { url, most } = await serve(async () => {
      await sleep(300)
      return says('x')
    })
    await run(newFolder(), url, ['--methods', 'none', '--parallel', '3'])
    expect(most()).toBe(3)
  })

  it('sets a question aside that the endpoint refuses or does not answer as it should', async () => {
    const { url } = await serve((_, nth) => {
      if (nth === 0) return { status: 400, body: { error: { message: 'the picture shows too much' } } }
      if (nth === 1) return { status: 200, body: '{"choices": []}' }
      if (nth === 2) return { status: 200, body: '<html>' }
      return says(null)
    })
    const out = newFolder()
    const { status, stdout } = await run(out, url, ['--methods', 'none', '--parallel', '1'])
    expect(status).toBe(1)
    expect(stdout).toContain('6 answers: 3 now, 0 before, 3 set aside')
    const failed = readFileSync(join(out, 'failed.jsonl'), 'utf8').trimEnd().split('\n')
    const where = `${url}: `
    expect(failed.map(line => JSON.parse(line).error)).toEqual([
      `${where}refused with status 400: the picture shows too much`,
      `${where}its answer is no chat completion.`,
      `${where}its answer is no chat completion.`,
    ])
    expect(rowsOf(out).map(({ answer }) => answer)).toEqual(['', '', ''])
  })

  it('ends where no other question would fare better, and keeps what was answered', async () => {
    const { url } = await serve((_, nth) =>
      nth < 2 ? says('x') : { status: 401, body: { error: { message: 'Incorrect API key.' } } },
    )
    const out = newFolder()
    expect(await run(out, url, ['--methods', 'none', '--parallel', '1'])).toEqual({
      status: 1,
      stdout: '',
      stderr: `vicrop: ${url}: refused with status 401: Incorrect API key. Set VICROP_ANSWERER_KEY to its key.\n`,
    })
    expect(rowsOf(out)).toHaveLength(2)
  })

  it('does not follow an endpoint elsewhere', async () => {
    const other = await serve(() => says('x'))
    const { url } = await serve(() => ({ status: 307, body: '', headers: { location: other.url } }))
    const { status, stderr } = await run(newFolder(), url)
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: `vicrop: ${url}: cannot be asked (unexpected redirect). Is it the address of an OpenAI-compatible API?\n`,
    })
    expect(other.asked).toEqual([])
  })

  it('says at once that there is none', async () => {
    const { status, stderr } = await run(newFolder(), 'http://127.0.0.1:9/v1')
    expect(status).toBe(1)
    expect(stderr).toMatch(/^vicrop: http:\/\/127.0.0.1:9\/v1: cannot be asked \(.*\). Is it the address/)
  })

  it.each([
    [['--answerer', 'http://127.0.0.1:9'], '--answerer and --answerer-model: give both, or neither.'],
    [
      ['--answerer', 'file:///etc', '--answerer-model', 'x'],
      '"file:///etc" is no address. Give one such as https://api.openai.com/v1.',
    ],
  ])('%j', async (args, message) => {
    const ended = await vicrop(['bench', 'run', 'demo', '--out', newFolder(), ...args])
    expect(ended.status).toBe(2)
    expect(ended.stderr).toContain(message)
  })
})
