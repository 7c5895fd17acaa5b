// A program that speaks the Model Context Protocol starts `vicrop mcp` and has its tools look at a picture.
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'

const client = new Client({ name: 'example', version: '1.0.0' })
// Where vicrop is installed: command 'npx', args ['vicrop', 'mcp'].
await client.connect(
  new StdioClientTransport({ command: process.execPath, args: ['dist/cli/main.js', 'mcp'] }),
)
const { tools } = await client.listTools()
console.log(`tools   ${tools.map(({ name }) => name).join(', ')}`)

const asked = { image: 'demo/pictures/003.webp', question: 'What is the date on the form?' }
const look = await client.callTool({ name: 'look', arguments: asked })
console.log(`crop    ${JSON.stringify(look.structuredContent.crop)}`)
console.log(`pieces  ${look.content.map(({ type, mimeType }) => mimeType ?? type).join(', ')}`)

const onprogress = ({ message }) => console.log(`        ... ${message}`)
const answer = await client.callTool({ name: 'ask', arguments: asked }, { onprogress })
console.log(`answer  ${answer.structuredContent.answer}`)
await client.close()
