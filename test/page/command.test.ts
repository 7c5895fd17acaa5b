import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { commandOf } from '../../web/src/command.ts'

/** The words that a shell makes of it. */
const words = (command: string): string[] =>
  execFileSync('sh', ['-c', `printf '%s\\n' ${command}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n')

describe('the command line on the page', () => {
  it('is read by a shell as what was asked, whatever is in the question', () => {
    const question = 'Is it "$HOME", `id` or \'x\'?'
    const how = { method: 'grad-att', layers: [3] } as const
    const command = commandOf({ name: 'a picture.png', model: 'org/model' }, question, how, {
      x: 1,
      y: 2,
      width: 3,
      height: 4,
    })
    expect(words(command)).toEqual(
      ['vicrop', 'ask', 'a picture.png', question, '--model', 'org/model'].concat([
        '--method',
        'grad-att',
        '--layers',
        '3',
        '--crop',
        '1,2,3,4',
      ]),
    )
  })

  it('leaves out what goes without saying', () => {
    const command = commandOf({ name: '003.webp', model: 'demo' }, 'What is it?', { method: 'rel-att' }, null)
    expect(command).toBe("vicrop ask 003.webp 'What is it?'")
  })
})
