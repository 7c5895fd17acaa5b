import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type CallToolResult, Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { type Answer, ViCrop } from '../../src/index.ts'
import { file, picture, question } from '../ai-sdk/demo.ts'
import { vicrop } from './vicrop.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
const path = `demo/pictures/${picture}`

let expected: Answer
beforeAll(async () => {
  await using library = await ViCrop.open()
  using seen = await library.see(file(picture))
  expected = await seen.ask(question)
})

/** A client and the process it has started. */
async function connected(args: readonly string[] = [], mode: 'legacy' | 'auto' = 'legacy') {
  const server = { command: process.execPath, args: [main, 'mcp', ...args], cwd: root }
  const transport = new StdioClientTransport({ ...server, stderr: 'pipe', maxBufferSize: 2 ** 28 })
  let stderr = ''
  transport.stderr?.on('data', text => {
    stderr += text
  })
  const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode } })
  await client.connect(transport)
  const call = (name: string, given: object, options = {}): Promise<CallToolResult> =>
    client.callTool({ name, arguments: given as Record<string, unknown> }, options) as Promise<CallToolResult>
  return { client, call, said: () => stderr }
}

describe('vicrop mcp', () => {
  let server: Awaited<ReturnType<typeof connected>>
  beforeAll(async () => {
    server = await connected()
  })
  afterAll(async () => {
    await server.client.close()
    expect(server.said()).toBe('')
  })

  const base64 = readFileSync(`${root}${path}`).toString('base64')
  test.each([
    ['a path', path],
    ['the URL of a file', pathToFileURL(`${root}${path}`).href],
    ['a data URL', `data:image/webp;base64,${base64}`],
  ])('answers as the library does, about the picture of %s', async (_, image) => {
    const { structuredContent } = await server.call('ask', { image, question, plain: true })
    const { answer, plainAnswer, crop } = expected
    expect(structuredContent).toMatchObject({ model: 'demo', answer, plainAnswer, crop })
    const look = await server.call('look', { image, question })
    expect(look.structuredContent).toMatchObject({ crop })
    expect(look.content.map(({ type }) => type)).toEqual(['text', 'image'])
  })

  test.each<[what: string, image: string, message: string | RegExp]>([
    ['a file that there is not', 'no.png', 'no.png: no such file, check the path'],
    ['a folder', 'demo', 'demo: is a folder, give a picture file'],
    ['a text', 'package.json', /^image: not a picture that can be read/],
    ['a URL of this machine', 'http://localhost/a.png', /^image: localhost is no public address/],
    [
      'a data URL of 128 megabytes',
      `data:image/png;base64,${'A'.repeat(2 ** 27)}`,
      'image: the file has more than the 67108864 bytes that are taken. Send a smaller one.',
    ],
  ])('says why it cannot look at %s', async (_, image, message) => {
    const { content, isError } = await server.call('look', { image, question })
    expect(isError).toBe(true)
    const text = typeof message === 'string' ? message : expect.stringMatching(message)
    expect(content).toEqual([{ type: 'text', text }])
  })

  it('ends a call that its client gives up, and answers the next', async () => {
    const controller = new AbortController()
    const onprogress = (): void => controller.abort(new Error('changed my mind'))
    const call = server.call(
      'ask',
      { image: 'demo/pictures/007.webp', question },
      { signal: controller.signal, onprogress },
    )
    await expect(call).rejects.toThrow('changed my mind')
    const { structuredContent } = await server.call('ask', { image: path, question })
    expect(structuredContent).toMatchObject({ answer: expected.answer })
  })
})

it('takes a newer client, and looks as its options say', async () => {
  const { client, call } = await connected(['--method', 'grad-att', '--layers', '0,2'], 'auto')
  expect(client.getNegotiatedProtocolVersion()).toBe('2026-07-28')
  const usual = await call('look', { image: path, question })
  expect(usual.structuredContent).toMatchObject({ method: 'grad-att', layers: [0, 2] })
  const asked = await call('look', { image: path, question, method: 'rel-att' })
  expect(asked.structuredContent).toMatchObject({ method: 'rel-att', layers: [0, 2] })
  await client.close()
})

it('says at a call what is wrong with the model, and goes on', async () => {
  const { client, call } = await connected(['--model', '../none/such'])
  for (let i = 0; i < 2; i++) {
    const { content, isError } = await call('look', { image: path, question })
    expect({ isError, content }).toEqual({
      isError: true,
      content: [
        {
          type: 'text',
          text: '"../none/such": is neither a folder nor a model id; give a folder or "org/name[@revision]".',
        },
      ],
    })
  }
  await client.close()
})

it('ends with a message that is too large, and says so', async () => {
  const server = spawn(process.execPath, [main, 'mcp'], { cwd: root, stdio: 'pipe' })
  let stderr = ''
  server.stderr.setEncoding('utf8').on('data', text => {
    stderr += text
  })
  server.stdin.on('error', () => {})
  const ended = new Promise(resolve => server.on('close', resolve))
  const piece = Buffer.alloc(2 ** 24, 'a')
  for (let i = 0; i < 17; i++) server.stdin.write(piece)
  await ended
  expect(stderr).toBe('vicrop: ReadBuffer exceeded maximum size of 268435456 bytes\n')
})

it('says nothing on standard output but the protocol, and ends with standard input', async () => {
  const server = spawn(process.execPath, [main, 'mcp'], { cwd: root, stdio: 'pipe' })
  let stdout = ''
  const both = new Promise<void>(resolve => {
    server.stdout.setEncoding('utf8').on('data', text => {
      stdout += text
      if (stdout.split('\n').length > 2) resolve()
    })
  })
  const send = (message: object): void =>
    void server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const clientInfo = { name: 'test', version: '1' }
  send({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
  })
  send({ method: 'notifications/initialized' })
  send({ id: 2, method: 'tools/call', params: { name: 'ask', arguments: { image: path, question } } })
  await both
  const ended = new Promise(resolve => server.on('close', resolve))
  server.stdin.end()
  expect(await ended).toBe(0)
  const messages = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(messages.map(({ id }) => id)).toEqual([1, 2])
  expect(messages[1].result.structuredContent.answer).toBe(expected.answer)
})

it('refuses options that there are not', async () => {
  const { status, stdout, stderr } = await vicrop(['mcp', '--qqq', '1'])
  expect({ status, stdout, stderr }).toEqual({
    status: 2,
    stdout: '',
    stderr: "vicrop: unknown option '--qqq'\n",
  })
})
