import { effect, signal } from '@preact/signals'

const themes = ['system', 'light', 'dark'] as const
type Theme = (typeof themes)[number]

const isTheme = (text: string | null): text is Theme => themes.some(theme => theme === text)

export const theme = signal<Theme>(kept())

effect(() => {
  document.documentElement.dataset.theme = theme.value
  try {
    localStorage.setItem('theme', theme.value)
  } catch {
    // A browser that keeps nothing for this page shows it all the same.
  }
})

export function turnTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] as Theme
}

function kept(): Theme {
  try {
    const text = localStorage.getItem('theme')
    return isTheme(text) ? text : 'system'
  } catch {
    return 'system'
  }
}
