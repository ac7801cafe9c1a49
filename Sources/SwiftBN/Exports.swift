// C exports
